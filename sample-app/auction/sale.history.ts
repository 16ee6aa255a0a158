import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import { type LogRecord, MESSAGE_LOG, type MessageLog, type RecordBatch, type Tail } from 'nestjs-kafka-socket';
import { bidderName } from './bidder.js';
import { Lots } from './lots.js';

/**
 * Knows the sale from the log. A service that starts, or takes a lot over from another one, reads the events that were
 * published before, and goes on reading what other instances publish.
 *
 * A real auction would keep its lots in a database with a rule on the amount: then retention takes no bids away, and two
 * bids for one lot that were sent under different keys, to two instances, cannot both lead for a moment.
 */
@Injectable()
export class SaleHistory implements BeforeApplicationShutdown {
  private reading: Promise<Tail> | undefined;

  constructor(
    @Inject(MESSAGE_LOG) private readonly log: MessageLog,
    private readonly lots: Lots,
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

  private learn({ records }: RecordBatch): void {
    for (const record of records) {
      const type = header(record, 'ce_type');
      const fact = type === 'event.Bid.Created' || type === 'event.Reserve.Changed' ? factOf(record) : undefined;
      if (!fact) continue;
      if (type === 'event.Bid.Created') this.lots.lead(fact.lot, { amount: fact.amount, ...origin(record) });
      else this.lots.setReserve(fact.lot, fact.amount, record.timestamp);
    }
  }
}

/** What the event says; undefined for what others may have written into the topic. */
function factOf({ value }: LogRecord): { lot: number; amount: number } | undefined {
  try {
    const { lot, amount } = JSON.parse(String(value)) as { lot?: unknown; amount?: unknown };
    return typeof lot === 'number' && typeof amount === 'number' ? { lot, amount } : undefined;
  } catch {
    return undefined;
  }
}

/** The crumbs of an event are those of the command that it follows from, and name it. */
function origin(record: LogRecord): { bidder: string; command: string } {
  const crumb = (name: string) => new RegExp(`(?:^|;)${name}=([\\w-]+)`).exec(header(record, 'ce_breadcrumbs'))?.[1];
  return { bidder: bidderName(crumb('session')), command: crumb('causation') ?? '' };
}

function header({ headers }: LogRecord, name: string): string {
  return String(headers[name] ?? '');
}
