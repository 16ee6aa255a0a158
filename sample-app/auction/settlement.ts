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
} from 'nestjs-kafka-socket';
import { Charge, PaymentEvent } from '../payment/payment.messages.js';
import { Settle } from './auction.commands.js';
import { LotEvent, lotKey } from './auction.events.js';
import { type LeadingBid, Lots } from './lots.js';
import { SaleHistory } from './sale.history.js';

/** How long after the deadline of its command a sale may still hear that the money came, in milliseconds. */
const NEWS_TIME = 5_000;

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
  async begin({ data: { lot } }: Command<Settle>, { message }: CommandContext): Promise<void> {
    await this.history.known();
    const { bidder: winner, amount } = this.buyer(lot, message.id);
    // Nobody is charged after the deadline; until then, a second one who lets the hammer fall must not charge again.
    const { deadline = Infinity } = message.breadCrumbs;
    this.lots.beginSale(lot, { amount, command: message.id, until: deadline + NEWS_TIME });
    await this.publisher.command(Charge, { lot, winner, amount }, { key: lotKey({ lot }) });
  }

  /** The money is there: ends the request, and tells everyone. */
  @EventHandler(PaymentEvent, 'Received')
  @EventPublisher(LotEvent, 'Sold', { key: lotKey })
  async end({ data: { lot, winner, amount } }: Event<PaymentEvent>): Promise<LotEvent> {
    this.lots.sell(lot, { winner, amount });
    await this.publisher.reply({ lot, winner, amount });
    return { lot, winner, amount };
  }

  /** Whoever has to pay now. */
  private buyer(lot: number, command: string): LeadingBid {
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
