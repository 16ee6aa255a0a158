import { Injectable } from '@nestjs/common';
import { IsInt, IsOptional } from 'class-validator';
import {
  type Command,
  CommandAddress,
  type CommandContext,
  CommandHandler,
  MessagePublisher,
  type ScheduledCommand,
  type SendLaterOptions,
} from 'nestjs-kafka-socket';
import { fresh } from './service.js';

/** One execution of a delayed command. */
export interface Closed {
  readonly lot: number;
  readonly at: number;
  readonly context: CommandContext;
}

/** A service that closes lots: later, if it is asked to. */
export function closingLots(topic = fresh('lots')) {
  const closed: Closed[] = [];
  const answers: ScheduledCommand[] = [];

  @CommandAddress(topic, 'CloseLot')
  class CloseLot {
    @IsInt() lot!: number;
  }

  @CommandAddress(topic, 'OpenLot')
  class OpenLot {
    @IsInt() lot!: number;
    @IsOptional() when?: SendLaterOptions;
    @IsOptional() fails?: boolean;
    @IsOptional() cancels?: string;
  }

  @Injectable()
  class Lots {
    constructor(private readonly publisher: MessagePublisher) {}

    @CommandHandler(CloseLot)
    close({ data: { lot } }: Command<CloseLot>, context: CommandContext): number {
      closed.push({ lot, at: Date.now(), context });
      return lot;
    }

    @CommandHandler(OpenLot)
    async open({ data: { lot, when, fails, cancels } }: Command<OpenLot>): Promise<string> {
      if (when) answers.push(await this.publisher.sendLater(CloseLot, { lot }, when));
      if (cancels !== undefined) return String(await this.publisher.cancelLater(cancels));
      if (fails) throw new Error('Nothing of this shall last.');
      return 'open';
    }
  }
  return { topic, closed, answers, CloseLot, OpenLot, Lots };
}
