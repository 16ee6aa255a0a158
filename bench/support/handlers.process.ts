import { Injectable } from '@nestjs/common';
import { IsInt } from 'class-validator';
import { type Command, CommandAddress, CommandHandler, type KafkaSocketModuleOptions } from '../../lib/index.js';
import { startApplication } from './application.js';
import { answer } from './child.process.js';
import { OrderCheck, type Work } from './order.check.js';
import { processUse } from './process.use.js';

const check = new OrderCheck();

function working(topic: string) {
  @CommandAddress(topic, 'Work')
  class WorkCommand implements Work {
    @IsInt() key!: number;
    @IsInt() turn!: number;
    @IsInt() takes!: number;
  }

  @Injectable()
  class Working {
    @CommandHandler(WorkCommand)
    work({ data }: Command<WorkCommand>): Promise<unknown> {
      return check.handle(data);
    }
  }
  return Working;
}

const answers = {
  ...processUse,

  /** Starts a service of ours, without a gateway. Resolves when it is ready. */
  async start(options: KafkaSocketModuleOptions, topic: string): Promise<void> {
    await startApplication(options, [working(topic)]);
  },

  until: (count: number): Promise<number> => check.until(count),
};

export type HandlersProcess = typeof answers;

answer(answers);
