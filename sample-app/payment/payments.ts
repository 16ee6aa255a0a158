import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { type Command, type CommandContext, CommandHandler, EventPublisher } from 'nestjs-kafka-socket';
import { Charge, PaymentEvent } from './payment.messages.js';

/** How long the bank takes, in milliseconds. */
const BANK_TIME = 400;

/** Takes money. It knows nothing of requests and clients: what it publishes carries them on by itself. */
@Injectable()
export class Payments {
  @CommandHandler(Charge)
  @EventPublisher(PaymentEvent, 'Received')
  async charge({ data: { lot, winner, amount } }: Command<Charge>, { signal }: CommandContext): Promise<PaymentEvent> {
    await pause(BANK_TIME, undefined, { signal });
    return { lot, winner, amount };
  }
}
