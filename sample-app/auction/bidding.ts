import { Injectable } from '@nestjs/common';
import {
  type Command,
  type CommandContext,
  CommandHandler,
  CommandRejectedError,
  EventPublisher,
} from 'nestjs-kafka-socket';
import { GetLots, PlaceBid } from './auction.commands.js';
import { BidEvent, lotKey } from './auction.events.js';
import { bidderName } from './bidder.js';
import { Lots, type LotView } from './lots.js';
import { SaleHistory } from './sale.history.js';

/** Takes bids. */
@Injectable()
export class Bidding {
  constructor(
    private readonly lots: Lots,
    private readonly history: SaleHistory,
  ) {}

  /** The bidder gets what this returns as the private result; everyone gets it as the event. */
  @CommandHandler(PlaceBid)
  @EventPublisher(BidEvent, 'Created', { key: lotKey })
  async place({ data: { lot, amount } }: Command<PlaceBid>, { message }: CommandContext): Promise<BidEvent> {
    await this.history.known();
    const leading = this.lots.leading(lot);
    // Kafka may hand a command over twice. A bid that leads already leads the second time, too.
    if (leading && amount <= leading.amount && leading.command !== message.id) {
      throw new CommandRejectedError('BID_TOO_LOW', `The leading bid is ${leading.amount}; bid more.`);
    }
    this.lots.lead(lot, { amount, bidder: bidderName(message.breadCrumbs.sessionId), command: message.id });
    return { lot, amount, leading: true };
  }

  /** What a page shows before the first event reaches it. */
  @CommandHandler(GetLots)
  async list(_command: Command<GetLots>, { message }: CommandContext): Promise<LotView[]> {
    await this.history.known();
    return this.lots.list(bidderName(message.breadCrumbs.sessionId));
  }
}
