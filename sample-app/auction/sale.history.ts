import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import {
  decodeMessage,
  type LogRecord,
  MESSAGE_LOG,
  type MessageLog,
  type PlatformMessage,
  type RecordBatch,
  type Tail,
} from 'nestjs-kafka-socket';
import { bidderName } from './bidder.js';
import { LotShelf } from './lot.shelf.js';
import { Lots } from './lots.js';

/** What the auction's own events say of a lot. */
interface Fact {
  readonly lot: number;
  readonly amount: number;
  readonly ends: number;
  readonly overtime: number;
  readonly winner?: unknown;
}

/**
 * Knows the sale from the log. A service that starts, or takes a lot over from another one, reads the events that were
 * published before, and goes on reading what other instances publish.
 *
 * A real auction would keep its lots in a database with a rule on the amount: then retention takes no bids away, and two
 * bids for one lot that were sent under different keys, to two instances, cannot both lead for a moment. The same holds for
 * two sales of one lot.
 */
@Injectable()
export class SaleHistory implements BeforeApplicationShutdown {
  private reading: Promise<Tail> | undefined;

  constructor(
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    private readonly lots: Lots,
    private readonly shelf: LotShelf,
  ) {}

  /** Resolves when all that was in the log at the first call is known. */
  async known(): Promise<void> {
    this.reading ??= this.log.tail({ topics: ['auction'], since: 0, onBatch: (batch) => this.learn(batch) });
    try {
      const { caughtUp } = await this.reading;
      await caughtUp;
    } catch (error) {
      this.reading = undefined; // the next command tries again
      throw error;
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    const tail = await this.reading?.catch(() => undefined);
    await tail?.stop();
  }

  private async learn({ records }: RecordBatch): Promise<void> {
    for (const record of records) {
      const message = messageIn(record);
      if (message?.payload.kind === 'event') await this.shelf.learn(message);
      if (message?.payload.kind === 'event' && isFact(message.payload.data)) this.note(message, message.payload.data);
    }
  }

  /** The crumbs of an event are those of the command that it follows from, and name it. */
  private note({ id, payload, breadCrumbs }: PlatformMessage, { lot, winner, ...fact }: Fact): void {
    const { sessionId, causationId: command = id } = breadCrumbs;
    const { amount, ends } = fact;
    if (payload.name === 'Bid.Created') this.lots.lead(lot, { amount, bidder: bidderName(sessionId), command });
    if (payload.name === 'Reserve.Changed') this.lots.setReserve(lot, amount, command);
    if (payload.name === 'Lot.Ending') this.lots.setEnd(lot, fact, command);
    if (payload.name === 'Lot.Closed') this.lots.close(lot, ends);
    if (payload.name === 'Lot.Sold') this.lots.sell(lot, { amount, winner: String(winner) });
  }
}

/** Undefined for what others may have written into the topic. */
function messageIn(record: LogRecord): PlatformMessage | undefined {
  try {
    return decodeMessage(record);
  } catch {
    return undefined;
  }
}

function isFact(data: unknown): data is Fact {
  const { lot, amount, ends } = (data ?? {}) as Partial<Record<keyof Fact, unknown>>;
  return typeof lot === 'number' && (typeof amount === 'number' || typeof ends === 'number');
}
