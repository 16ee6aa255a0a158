import type { OutgoingRecord } from '../../message/record.js';
import { LogUnavailableError, RecordRefusedError } from '../log.errors.js';
import type { KafkaOptions } from '../log.options.js';
import { PendingRecord } from './pending.record.js';

/**
 * All records on their way, of all partitions: how many and how large they may be together, and for how long. As all have the
 * same time, the first to come is the first to be given up, and one timer is enough.
 */
export class PublishBounds {
  /** In the order they came. */
  private readonly pending = new Set<PendingRecord>();
  private bytes = 0;
  private timer?: NodeJS.Timeout;
  private onIdle?: () => void;

  /** @param onExpired lets go of what was given up @param reason why nothing was written for so long, where that is known */
  constructor(
    private readonly options: KafkaOptions,
    private readonly onExpired: (record: PendingRecord) => void,
    private readonly reason: () => string | undefined,
  ) {}

  /**
   * @throws {LogUnavailableError} `log_unavailable`: too many wait already
   * @throws {RecordRefusedError} `record_refused`: it is larger than all may be together
   */
  admit(record: OutgoingRecord): PendingRecord {
    const { maxQueued, maxQueuedBytes, publishTimeout } = this.options;
    const pending = new PendingRecord(record, performance.now() + publishTimeout, (one) => this.release(one));
    if (pending.bytes > maxQueuedBytes) throw this.tooLarge(pending);
    if (this.pending.size >= maxQueued || this.bytes + pending.bytes > maxQueuedBytes) throw this.full();
    this.pending.add(pending);
    this.bytes += pending.bytes;
    this.arm();
    return pending;
  }

  /** Waits until no record is on its way, but not longer than a limit in milliseconds; then gives up the others. */
  async drain(limit: number): Promise<void> {
    if (this.pending.size > 0) await this.idleWithin(limit);
    clearTimeout(this.timer);
    for (const record of this.pending) this.giveUp(record, 'was not acknowledged before the log was closed');
  }

  private idleWithin(limit: number): Promise<void> {
    return new Promise((resolve) => {
      const tooLong = setTimeout(resolve, limit);
      this.onIdle = (): void => {
        clearTimeout(tooLong);
        resolve();
      };
    });
  }

  private release(record: PendingRecord): void {
    this.pending.delete(record);
    this.bytes -= record.bytes;
    if (this.pending.size > 0) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.onIdle?.();
  }

  private arm(): void {
    if (this.timer) return;
    const [first] = this.pending;
    if (!first) return;
    const wait = Math.max(first.deadline - performance.now(), 0);
    this.timer = setTimeout(() => this.expire(), Math.ceil(wait));
  }

  private expire(): void {
    this.timer = undefined;
    const now = performance.now();
    for (const record of this.pending) {
      if (record.deadline > now) break;
      this.giveUp(record, `was not acknowledged within ${this.options.publishTimeout} ms (kafka.publishTimeout)`);
    }
    this.arm();
  }

  private giveUp(record: PendingRecord, what: string): void {
    const why = this.reason() ?? (record.sent ? 'No answer came.' : 'Others were before it.');
    const doubt = record.sent ? 'It may have been written all the same.' : 'It was not sent, so it is not in the log.';
    record.reject(
      new LogUnavailableError(`A record for topic "${record.topic}" ${what}. ${why} ${doubt}`, record.sent),
    );
    this.onExpired(record);
  }

  private tooLarge({ topic, bytes }: PendingRecord): RecordRefusedError {
    return new RecordRefusedError(
      `A record of ${bytes} bytes for topic "${topic}" is larger than all that may wait together ` +
        `(kafka.maxQueuedBytes: ${this.options.maxQueuedBytes}). Make it smaller, or raise the limit.`,
    );
  }

  private full(): LogUnavailableError {
    return new LogUnavailableError(
      `${this.pending.size} records of ${this.bytes} bytes wait for Kafka already (kafka.maxQueued: ${this.options.maxQueued}, ` +
        `kafka.maxQueuedBytes: ${this.options.maxQueuedBytes}), so this one was refused. Publish more slowly, or raise the limits.`,
      false,
    );
  }
}
