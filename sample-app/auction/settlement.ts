import { Injectable } from '@nestjs/common';
import {
  type Command,
  type CommandContext,
  CommandHandler,
  CommandRejectedError,
  type Event,
  EventHandler,
  EventPublisher,
  MessagePublisher,
  type PlatformMessage,
} from 'nestjs-kafka-socket';
import { Charge, PaymentEvent, PaymentTroubleEvent } from '../payment/payment.messages.js';
import { Settle } from './auction.commands.js';
import { LotEvent, lotKey, SaleTroubleEvent } from './auction.events.js';
import { type LeadingBid, Lots } from './lots.js';
import { SaleHistory } from './sale.history.js';

/** How long after the deadline of its command a sale may still hear that the money came, in milliseconds. */
const NEWS_TIME = 5_000;

/** How long the money may take where nobody waits for it, in milliseconds. */
const UNASKED_TIME = 30_000;

/** A process over two services: this one lets the hammer fall, another one takes the money, and then the client is told. */
@Injectable()
export class Settlement {
  constructor(
    private readonly lots: Lots,
    private readonly history: SaleHistory,
    private readonly publisher: MessagePublisher,
  ) {}

  /** Only begins. The command that it sends carries the request along, so that whoever ends the process can answer it. */
  @CommandHandler(Settle, { reply: 'later' })
  async begin({ data: { lot, bankFails } }: Command<Settle>, { message }: CommandContext): Promise<void> {
    await this.history.known();
    await this.charge(lot, this.buyer(lot, message.id), message, bankFails);
  }

  /** @param message what the sale began with */
  async charge(
    lot: number,
    { bidder: winner, amount }: LeadingBid,
    message: PlatformMessage,
    bankFails?: number,
  ): Promise<void> {
    // Nobody is charged after the deadline; until then, a second one who lets the hammer fall must not charge again.
    const { deadline = Date.now() + UNASKED_TIME } = message.breadCrumbs;
    this.lots.beginSale(lot, { amount, command: message.id, until: deadline + NEWS_TIME });
    await this.publisher.command(Charge, { lot, winner, amount, bankFails }, { key: lotKey({ lot }) });
  }

  /** The money is there: ends the request, and tells everyone. */
  @EventHandler(PaymentEvent, 'Received')
  @EventPublisher(LotEvent, 'Sold', { key: lotKey })
  async end({ data: { lot, winner, amount } }: Event<PaymentEvent>): Promise<LotEvent> {
    this.lots.sell(lot, { winner, amount });
    await this.publisher.reply({ lot, winner, amount });
    return { lot, winner, amount };
  }

  /** The bank stutters. Payments are a matter between the services; that this one takes longer, everyone may know. */
  @EventHandler(PaymentTroubleEvent, 'Delayed')
  @EventPublisher(SaleTroubleEvent, 'Delayed', { key: lotKey })
  delay({ data }: Event<PaymentTroubleEvent>): SaleTroubleEvent {
    return data;
  }

  /** The money does not come: ends the request, and the lot may be settled again. */
  @EventHandler(PaymentTroubleEvent, 'Failed')
  @EventPublisher(SaleTroubleEvent, 'Failed', { key: lotKey })
  async fail({ data }: Event<PaymentTroubleEvent>): Promise<SaleTroubleEvent> {
    const { lot, attempts } = data;
    this.lots.dropSale(lot);
    await this.publisher.reply(
      new CommandRejectedError(
        'PAYMENT_FAILED',
        `The bank was out of reach ${attempts} times; lot ${lot} is not paid.`,
      ),
    );
    return data;
  }

  /**
   * Whoever has to pay now.
   * @throws {CommandRejectedError} nobody has to
   */
  buyer(lot: number, command: string): LeadingBid {
    const leading = this.lots.leading(lot);
    if (!leading) throw new CommandRejectedError('NO_BIDS', `Nobody has bid for lot ${lot}.`);
    const { amount } = leading;
    if (this.lots.isSold(lot))
      throw new CommandRejectedError('ALREADY_SOLD', `Lot ${lot} is sold already, for ${amount}.`);
    // Kafka may hand a command over twice, and the one that began the sale is not in its own way.
    const sale = this.lots.beingSold(lot);
    if (sale && sale.command !== command) {
      throw new CommandRejectedError('ALREADY_SOLD', `Lot ${lot} is being sold already, for ${amount}.`);
    }
    // The reserve itself is not for everyone, see ReserveEvent.
    if (amount < (this.lots.reserve(lot) ?? 0)) {
      throw new CommandRejectedError(
        'RESERVE_NOT_MET',
        `The leading bid of ${amount} does not meet the reserve of lot ${lot}.`,
      );
    }
    return leading;
  }
}
