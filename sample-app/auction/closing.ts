import { Injectable } from '@nestjs/common';
import {
  type Command,
  type CommandContext,
  CommandHandler,
  CommandRejectedError,
  Deleted,
  type Event,
  EventHandler,
  EventPublisher,
  MessagePublisher,
} from 'nestjs-kafka-socket';
import { CloseLot, SetEnd } from './auction.commands.js';
import { LotClosedEvent, LotEndingEvent, lotKey } from './auction.events.js';
import { Lot } from './lot.js';
import { type Ending, type LeadingBid, Lots } from './lots.js';
import { SaleHistory } from './sale.history.js';
import { Settlement } from './settlement.js';

/** The last quarter of the time is overtime, and at most this long, in milliseconds. */
const LONGEST_OVERTIME = 10_000;

/**
 * Closes lots at their ends, by a command that is sent later. Where that stands in the log decides, and no clock: a bid before it
 * counts, one behind it is too late. So that they have one order, all of a lot's commands should have its key, as the page's have.
 */
@Injectable()
export class Closing {
  constructor(
    private readonly lots: Lots,
    private readonly history: SaleHistory,
    private readonly settlement: Settlement,
    private readonly publisher: MessagePublisher,
  ) {}

  /** From when its record was written, not from now: should it be handled again, it means the same end. */
  @CommandHandler(SetEnd)
  @EventPublisher(LotEndingEvent, 'Ending', { key: lotKey })
  async set(
    { data: { lot, after } }: Command<SetEnd>,
    { message, timestamp }: CommandContext,
  ): Promise<LotEndingEvent> {
    await this.history.known();
    return this.end(
      lot,
      { ends: timestamp + after, overtime: Math.min(Math.ceil(after / 4), LONGEST_OVERTIME) },
      message.id,
    );
  }

  /** A bid in overtime moves the end, so that the others may answer it. */
  async extend(lot: number, command: string, time: number): Promise<void> {
    const ending = this.lots.ending(lot);
    if (!ending || time + ending.overtime <= ending.ends) return;
    const later = await this.end(lot, { ...ending, ends: time + ending.overtime }, command);
    await this.publisher.event(LotEndingEvent, 'Ending', later, { key: lotKey({ lot }) });
  }

  /** One that stands in the log although the end was moved in the last moment finds a later end, and does nothing. */
  @CommandHandler(CloseLot)
  async close({ data: { lot, ends } }: Command<CloseLot>, { message }: CommandContext): Promise<void> {
    await this.history.known();
    if (ends < (this.lots.ending(lot)?.ends ?? 0)) return;
    this.lots.close(lot, ends);
    const buyer = this.buyer(lot, message.id);
    const end = typeof buyer === 'string' ? { unsold: buyer } : { winner: buyer.bidder, amount: buyer.amount };
    await this.publisher.event(LotClosedEvent, 'Closed', { lot, ends, ...end }, { key: lotKey({ lot }) });
    if (typeof buyer !== 'string') await this.settlement.charge(lot, buyer, message);
  }

  /** What is withdrawn need not be closed. Where the close has been sent already, it closes what nobody bids for. */
  @EventHandler(Deleted(Lot))
  async withdraw({ data: { id: lot } }: Event<Deleted<Lot>>): Promise<void> {
    await this.publisher.cancelLater(closeId(lot));
  }

  /** One close waits for each lot: another end takes its place. */
  private async end(lot: number, ending: Ending, command: string): Promise<LotEndingEvent> {
    const { ends } = ending;
    const slot = { id: closeId(lot), key: lotKey({ lot }), replace: true };
    await this.publisher.sendLater(CloseLot, { lot, ends }, { ...slot, at: ends });
    this.lots.setEnd(lot, ending, command);
    return { lot, ends, overtime: ending.overtime };
  }

  /** Whoever has to pay, or the code that says why nobody has. */
  private buyer(lot: number, command: string): LeadingBid | string {
    try {
      return this.settlement.buyer(lot, command);
    } catch (error) {
      if (error instanceof CommandRejectedError) return error.code;
      throw error;
    }
  }
}

/** What the command is replaced and cancelled by. */
function closeId(lot: number): string {
  return `close-${lotKey({ lot })}`;
}
