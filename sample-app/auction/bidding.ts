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
import { Closing } from './closing.js';
import { Lots, type LotView } from './lots.js';
import { SaleHistory } from './sale.history.js';

/** Takes bids. */
@Injectable()
export class Bidding {
  constructor(
    private readonly lots: Lots,
    private readonly history: SaleHistory,
    private readonly closing: Closing,
  ) {}

  /** The bidder gets what this returns as the private result; everyone gets it as the event. */
  @CommandHandler(PlaceBid)
  @EventPublisher(BidEvent, 'Created', { key: lotKey })
  async place({ data: { lot, amount } }: Command<PlaceBid>, { message, timestamp }: CommandContext): Promise<BidEvent> {
    await this.history.known();
    this.check(lot, amount, message.id);
    await this.closing.extend(lot, message.id, timestamp);
    this.lots.lead(lot, { amount, bidder: bidderName(message.breadCrumbs.sessionId), command: message.id });
    return { lot, amount, leading: true };
  }

  private check(lot: number, amount: number, command: string): void {
    const leading = this.lots.leading(lot);
    // Kafka may hand a command over twice. A bid that leads already leads the second time, too.
    if (leading?.command === command) return;
    if (this.lots.isClosed(lot)) {
      throw new CommandRejectedError('LOT_CLOSED', `The hammer has fallen for lot ${lot}; it takes no more bids.`);
    }
    if (leading && amount <= leading.amount) {
      throw new CommandRejectedError('BID_TOO_LOW', `The leading bid is ${leading.amount}; bid more.`);
    }
  }

  /** What a page shows before the first event reaches it. */
  @CommandHandler(GetLots)
  async list(_command: Command<GetLots>, { message }: CommandContext): Promise<LotView[]> {
    await this.history.known();
    return this.lots.list(bidderName(message.breadCrumbs.sessionId));
  }
}
