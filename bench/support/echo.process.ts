import { Injectable } from '@nestjs/common';
import { IsPositive, IsString } from 'class-validator';
import { type Command, CommandAddress, CommandHandler, type KafkaSocketModuleOptions } from '../../lib/index.js';
import { addressOfSocket, startApplication } from './application.js';
import { answer } from './child.process.js';
import { processUse } from './process.use.js';

/** What answers a bid with the bid; the topic is made for one run. */
function bidding(topic: string) {
  @CommandAddress(topic, 'PlaceBid')
  class PlaceBid {
    @IsPositive() amount!: number;
    @IsString() note!: string;
  }

  @Injectable()
  class Bidding {
    @CommandHandler(PlaceBid)
    async place({ data: { amount, note } }: Command<PlaceBid>): Promise<PlaceBid> {
      return { amount, note };
    }
  }
  return Bidding;
}

const answers = {
  ...processUse,

  /** Starts gateway and handlers as one application. Resolves when it is ready, with its address. */
  async start(options: KafkaSocketModuleOptions, topic: string): Promise<string> {
    const app = await startApplication(options, [bidding(topic)]);
    return addressOfSocket(app);
  },
};

export type EchoProcess = typeof answers;

answer(answers);
