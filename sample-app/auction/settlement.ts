import { Injectable } from '@nestjs/common';
import {
  type Command,
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
import { Lots } from './lots.js';
import { SaleHistory } from './sale.history.js';

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
  async begin({ data: { lot } }: Command<Settle>): Promise<void> {
    await this.history.known();
    const leading = this.lots.leading(lot);
    if (!leading) throw new CommandRejectedError('NO_BIDS', `Nobody has bid for lot ${lot}.`);
    await this.publisher.command(
      Charge,
      { lot, winner: leading.bidder, amount: leading.amount },
      { key: lotKey({ lot }) },
    );
  }

  /** The money is there: ends the request, and tells everyone. */
  @EventHandler(PaymentEvent, 'Received')
  @EventPublisher(LotEvent, 'Sold', { key: lotKey })
  async end({ data: { lot, winner, amount } }: Event<PaymentEvent>): Promise<LotEvent> {
    await this.publisher.reply({ lot, winner, amount });
    return { lot, winner, amount };
  }
}
