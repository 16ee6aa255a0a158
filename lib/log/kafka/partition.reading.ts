import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordBatch } from '../../message/record.js';
import { RETRY_PAUSE } from '../assignment.start.js';
import type { TopicPartition } from '../partition.dealer.js';

/** What a reader does with what it reads. */
export interface ReadingHandler {
  /** Awaited before the partition is read on. */
  batch(batch: RecordBatch): void | Promise<void>;
  /** {@link batch} failed; it will be called with the same records again. */
  failed(error: unknown): void;
  /** Retention, or another log under this name, has taken what stood between two offsets. */
  skipped(from: bigint, to: bigint): void;
}

/** One partition that is being read, and how far. */
export class PartitionReading implements TopicPartition {
  /** Whether its reader has not done with what it has. */
  busy = false;
  /** Whether its reader wants nothing for now. */
  paused = false;

  constructor(
    readonly topic: string,
    readonly partition: number,
    public position: bigint,
    private readonly handler: ReadingHandler,
  ) {}

  /** Whether it is to be fetched from. */
  get idle(): boolean {
    return !this.busy && !this.paused;
  }

  /** Hands over what was fetched, again and again where the reader fails. */
  async take(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    this.busy = true;
    this.position = batch.next;
    while (!signal.aborted) {
      try {
        await this.handler.batch(batch);
        break;
      } catch (error) {
        this.handler.failed(error);
        await sleep(RETRY_PAUSE, undefined, { signal }).catch(() => undefined);
      }
    }
    this.busy = false;
  }

  moveTo(position: bigint): void {
    this.handler.skipped(this.position, position);
    this.position = position;
  }
}
