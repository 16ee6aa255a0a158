import { Injectable } from '@nestjs/common';
import {
  type Command,
  type CommandContext,
  CommandHandler,
  EventPublisher,
  MessagePublisher,
  Retry,
} from 'nestjs-kafka-socket';
import { Bank, BankAwayError } from './bank.js';
import { Charge, PaymentEvent, PaymentTroubleEvent } from './payment.messages.js';

/** How often the bank is asked for one payment. */
const ATTEMPTS = 5;

/** Takes money. It knows nothing of requests and clients: what it publishes carries them on by itself. */
@Injectable()
export class Payments {
  constructor(
    private readonly bank: Bank,
    private readonly publisher: MessagePublisher,
  ) {}

  /**
   * In order: two charges for one lot (sold, bid for again, and sold again) must not overtake each other, or the buyer of before
   * pays last. The other lots have keys of their own and do not wait, and all the pauses together take two seconds. Where a bank is
   * away for hours, `out-of-order` would be the choice.
   */
  @CommandHandler(Charge)
  @Retry({
    attempts: ATTEMPTS,
    backoff: { first: 100, factor: 2 },
    order: 'in-order',
    on: (error) => error instanceof BankAwayError,
  })
  @EventPublisher(PaymentEvent, 'Received')
  async charge({ data }: Command<Charge>, { attempt, signal }: CommandContext): Promise<PaymentEvent> {
    const { lot, winner, amount, bankFails = 0 } = data;
    try {
      await this.bank.collect(attempt <= bankFails, signal);
    } catch (error) {
      if (error instanceof BankAwayError) await this.tell({ lot, attempt, attempts: ATTEMPTS });
      throw error;
    }
    return { lot, winner, amount };
  }

  /** At once, and although the handler fails: it is about that. After the last attempt whoever sells must know. */
  private async tell(trouble: PaymentTroubleEvent): Promise<void> {
    const { attempt, attempts } = trouble;
    await this.publisher.event(PaymentTroubleEvent, attempt < attempts ? 'Delayed' : 'Failed', trouble, { now: true });
  }
}
