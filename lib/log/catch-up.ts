import type { TopicPartition } from './partition.dealer.js';

/** Where reading of a partition begins, and where it has caught up. */
export interface Stretch extends TopicPartition {
  readonly from: bigint;
  readonly end: bigint;
}

/** Tells when a reader of all partitions has read all that was in the log when it started. */
export class CatchUp {
  readonly promise: Promise<void>;
  private readonly behind = new Map<string, bigint>();
  private settle!: { resolve(): void; reject(reason: Error): void };

  constructor(stretches: readonly Stretch[]) {
    this.promise = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    // Whoever does not wait for it must not be ended by its rejection.
    this.promise.catch(() => undefined);
    for (const { topic, partition, from, end } of stretches) {
      if (from < end) this.behind.set(`${topic}/${partition}`, end);
    }
    this.look();
  }

  /** All of a partition below `next` is done with. */
  passed({ topic, partition }: TopicPartition, next: bigint): void {
    const key = `${topic}/${partition}`;
    const end = this.behind.get(key);
    if (end === undefined || next < end) return;
    this.behind.delete(key);
    this.look();
  }

  /** It will not catch up any more. */
  abandon(reason: Error): void {
    this.settle.reject(reason);
  }

  private look(): void {
    if (this.behind.size === 0) this.settle.resolve();
  }
}
