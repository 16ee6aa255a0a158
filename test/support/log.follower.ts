import type { MessageLog } from '../../lib/log/message.log.js';
import { decodeMessage } from '../../lib/message/cloud-events.codec.js';
import type { Outcome } from '../../lib/protocol/outcome.js';
import type { PlatformMessage } from '../../lib/message/platform-message.js';
import type { LogRecord } from '../../lib/message/record.js';
import { headerText } from '../../lib/message/record.headers.js';
import { onTestFinished } from 'vitest';

/** Longer than anything takes that a test waits for, in milliseconds. */
const PATIENCE = 15_000;

/** Reads topics as they grow, so that a test can wait for a record instead of for time. */
export class LogFollower {
  readonly records: LogRecord[] = [];
  private readonly waiting = new Set<() => void>();

  /** Follows topics from now on, until the test ends. */
  static async follow(log: MessageLog, topics: readonly string[]): Promise<LogFollower> {
    const follower = new LogFollower();
    const tail = await log.tail({
      topics,
      since: 0,
      onBatch: ({ records }) => {
        follower.records.push(...records);
        for (const look of follower.waiting) look();
      },
    });
    onTestFinished(() => tail.stop());
    return follower;
  }

  /** The first record that matches, now or as soon as it comes. */
  next(what: string, matches: (record: LogRecord) => boolean): Promise<LogRecord> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.records.find(matches);
        if (!found) return;
        settle();
        resolve(found);
      };
      const timer = setTimeout(() => {
        settle();
        reject(new Error(`No ${what} came. There are: ${this.records.map(describe).join(', ') || 'no records'}`));
      }, PATIENCE);
      const settle = (): void => {
        clearTimeout(timer);
        this.waiting.delete(look);
      };
      this.waiting.add(look);
      look();
    });
  }

  /** The records of a type, such as `result.PlaceBid`, that came until now. */
  ofType(type: string): LogRecord[] {
    return this.records.filter((record) => typeOf(record) === type);
  }

  /** The message of the first record of a type. */
  async message(type: string, matches: (message: PlatformMessage) => boolean = () => true): Promise<PlatformMessage> {
    return decodeMessage(await this.next(type, (record) => typeOf(record) === type && matches(decodeMessage(record))));
  }

  /** The outcome of a request: its first terminal record. */
  async outcome(requestId: string): Promise<Outcome> {
    const ends = (record: LogRecord): boolean => {
      if (!typeOf(record).startsWith('result.')) return false;
      const { breadCrumbs } = decodeMessage(record);
      return breadCrumbs.final === true && breadCrumbs.requestId === requestId;
    };
    return decodeMessage(await this.next(`outcome of ${requestId}`, ends)).payload.data as Outcome;
  }

  /** Every final result of a request that came until now. */
  outcomes(requestId: string): Outcome[] {
    return this.records
      .filter((record) => typeOf(record).startsWith('result.'))
      .map((record) => decodeMessage(record))
      .filter(({ breadCrumbs }) => breadCrumbs.final && breadCrumbs.requestId === requestId)
      .map(({ payload }) => payload.data as Outcome);
  }

  /** The headers of the first dead letter. */
  async deadLetter(matches: (record: LogRecord) => boolean = () => true): Promise<Record<string, string | undefined>> {
    const record = await this.next('dead letter', (one) => one.topic.endsWith('.dlq') && matches(one));
    return Object.fromEntries(Object.entries(record.headers).map(([name, value]) => [name, headerText(value)]));
  }

  get deadLetters(): LogRecord[] {
    return this.records.filter(({ topic }) => topic.endsWith('.dlq'));
  }
}

function typeOf({ headers }: LogRecord): string {
  return headerText(headers['ce_type']) ?? '';
}

function describe(record: LogRecord): string {
  return `${typeOf(record)} at ${record.topic}/${record.partition}@${record.offset}`;
}
