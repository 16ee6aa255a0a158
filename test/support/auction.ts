import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { IsInt, IsPositive, Min } from 'class-validator';
import {
  type Command,
  CommandAddress,
  type CommandContext,
  CommandHandler,
  CommandRejectedError,
  EventEntity,
  EventPublisher,
  MessagePublisher,
} from 'nestjs-kafka-socket';

/**
 * A small auction on a topic of its own: what the gateway's suites send commands to. Each call makes new classes, since the topic
 * stands on the class.
 */
export function auction(topic: string = `auction-${randomUUID()}`) {
  @CommandAddress(topic, 'PlaceBid')
  class PlaceBid {
    @IsInt()
    @Min(1)
    lot!: number;

    @IsPositive()
    amount!: number;
  }

  @CommandAddress(topic, 'Hold')
  class Hold {}

  @CommandAddress(topic, 'Break')
  class Break {}

  @CommandAddress(topic, 'Settle')
  class Settle {}

  @CommandAddress(topic, 'Charge')
  class Charge {}

  @EventEntity(topic, 'Bid')
  class BidEvent {
    lot!: number;
    amount!: number;
  }

  @EventEntity(topic, 'Reserve')
  class ReserveEvent {
    lot!: number;
  }

  @EventEntity(topic, 'Payment')
  class PaymentEvent {
    secret!: string;
  }

  /** Commands that were really carried out, in order. */
  const effects: number[] = [];
  /** Commands that are held, and what lets them go. */
  const held: (() => void)[] = [];

  @Injectable()
  class Bidding {
    constructor(private readonly publisher: MessagePublisher) {}

    @CommandHandler(PlaceBid)
    @EventPublisher(BidEvent, 'Created', { key: ({ lot }) => `lot-${lot}` })
    async place({ data: { lot, amount } }: Command<PlaceBid>) {
      if (amount < 10) throw new CommandRejectedError('BID_TOO_LOW', 'Bids begin at 10.');
      effects.push(amount);
      await this.publisher.event(ReserveEvent, 'Changed', { lot }, { key: `lot-${lot}` });
      await this.publisher.event(PaymentEvent, 'Made', { secret: 'stays inside' });
      return { lot, amount, leading: true };
    }

    /** Answers when the test says so. */
    @CommandHandler(Hold)
    async hold(): Promise<string> {
      await new Promise<void>((resolve) => held.push(resolve));
      return 'let go';
    }

    @CommandHandler(Break)
    break(): never {
      throw new Error('a detail that no client may see');
    }

    @CommandHandler(Settle, { reply: 'later' })
    async settle(_command: Command<Settle>, _context: CommandContext): Promise<void> {
      await this.publisher.command(Charge, {});
    }

    @CommandHandler(Charge)
    async charge(): Promise<string> {
      await this.publisher.reply({ settled: true });
      return 'the answer of a nested command, which ends nothing';
    }
  }

  return { topic, Bidding, PlaceBid, BidEvent, effects, held };
}
