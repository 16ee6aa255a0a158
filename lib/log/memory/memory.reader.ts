import { setImmediate } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordBatch } from '../../message/record.js';
import { RETRY_PAUSE } from '../assignment.start.js';
import type { MemoryPartition } from './memory.partition.js';

/** Records that are handed over at once. */
const BATCH = 500;

/** What a reader does with what it reads. */
export interface BatchHandler {
  /** Awaited before the partition is read on. */
  batch(batch: RecordBatch): void | Promise<void>;
  /** {@link batch} failed; it will be called with the same records again. */
  failed(error: unknown): void;
  /** Retention has taken what stood between two offsets before it was read. */
  lost?(from: bigint, to: bigint): void;
}

/**
 * Reads one partition from a position on, a batch in each turn of the event loop: never within the call that published, so
 * that no publisher runs a reader's code, and always in order.
 */
export class MemoryReader {
  private readonly stopping = new AbortController();
  private readonly appended: Disposable;
  private paused = false;
  private busy = false;

  constructor(
    private readonly partition: MemoryPartition,
    private position: bigint,
    private readonly handler: BatchHandler,
  ) {
    this.appended = partition.onAppend(() => this.wakeUp());
    this.wakeUp();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.wakeUp();
  }

  stop(): void {
    this.stopping.abort();
    this.appended[Symbol.dispose]();
  }

  private get hasWork(): boolean {
    return !this.paused && !this.stopping.signal.aborted && this.position < this.partition.end;
  }

  private wakeUp(): void {
    if (this.busy || !this.hasWork) return;
    this.busy = true;
    setImmediate(() => void this.step());
  }

  private async step(): Promise<void> {
    if (this.hasWork) {
      const { start } = this.partition;
      if (start > this.position) this.handler.lost?.(this.position, start);
      await this.hand(this.partition.read(this.position, BATCH));
    }
    this.busy = false;
    this.wakeUp();
  }

  private async hand(batch: RecordBatch): Promise<void> {
    try {
      await this.handler.batch(batch);
      this.position = batch.next;
    } catch (error) {
      const { signal } = this.stopping;
      if (signal.aborted) return;
      this.handler.failed(error);
      await sleep(RETRY_PAUSE, undefined, { signal }).catch(() => undefined);
    }
  }
}
