import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import { type LogRecord, MESSAGE_LOG, type MessageLog, type RecordBatch, type Tail } from 'nestjs-kafka-socket';
import { bidderName } from './bidder.js';
import { Lots } from './lots.js';

/** The event as it stands in the log, with all that is not broadcast. */
interface Recorded {
  readonly lot: number;
  readonly amount: number;
}

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
      await (
        await this.reading
      ).caughtUp;
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
      const type = text(record, 'ce_type');
      if (type === 'event.Bid.Created') this.learnBid(record);
      if (type === 'event.Reserve.Changed') this.learnReserve(record);
    }
  }

  private learnBid(record: LogRecord): void {
    const { lot, amount } = dataOf(record);
    const session = /(?:^|;)session=([\w-]+)/.exec(text(record, 'ce_breadcrumbs'))?.[1];
    this.lots.lead(lot, { amount, bidder: bidderName(session) });
  }

  private learnReserve(record: LogRecord): void {
    const { lot, amount } = dataOf(record);
    this.lots.setReserve(lot, amount, record.timestamp);
  }
}

function dataOf({ value }: LogRecord): Recorded {
  return JSON.parse(String(value)) as Recorded;
}

function text({ headers }: LogRecord, name: string): string {
  return String(headers[name] ?? '');
}
