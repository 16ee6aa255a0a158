import type { LogChunk } from './log.chunk.js';
import type { Semaphore } from './semaphore.js';

/** Somebody's need of the log from an offset on. */
export interface Wish {
  readonly offset: bigint;
  /** First offset that is not needed; the log holds all before it. */
  readonly to: bigint;
  /** Takes what is needed of a chunk, in a fair turn. */
  readonly take: (chunk: LogChunk) => Promise<void>;
}

/** Reads the beginning of a stretch. */
export type ReadChunk = (from: bigint, to: bigint, signal: AbortSignal) => Promise<LogChunk>;

interface Waiting extends Wish {
  readonly settle: (error?: Error) => void;
}

/** Chunks that are read upwards while somebody who came before waits further down. */
const LONGEST_SWEEP = 16;

/**
 * Reads one partition for all who need it, a chunk at a time, and goes upwards as long as somebody waits there: whoever it
 * comes by goes on together with those from below, so many overlapping wishes cost about one read of the log. Before it reads
 * on, all have taken what they need of the chunk, so it never holds two.
 */
export class PartitionSweep {
  /** In the order of coming. */
  private readonly waiting = new Set<Waiting>();
  /** Aborts what is being read when nobody waits for it any more. */
  private reading: AbortController | undefined;
  private last: Pick<LogChunk, 'from' | 'next'> = { from: 0n, next: 0n };
  private sweep = 0;

  /**
   * @param read reads a chunk
   * @param nextHere where above an offset the log begins to be in memory already
   * @param slots how much may be read at the same time, of all partitions
   */
  constructor(
    private readonly read: ReadChunk,
    private readonly nextHere: (offset: bigint) => bigint | undefined,
    private readonly slots: Semaphore,
  ) {}

  /**
   * Waits until somebody has taken of the chunk that covers the offset.
   * @throws what reading or taking throws, and the signal's reason when it aborts
   */
  fulfil(wish: Wish, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const leave = (): void => waiting.settle(signal.reason as Error);
      const settle = (error?: Error): void => {
        signal.removeEventListener('abort', leave);
        this.waiting.delete(waiting);
        if (this.waiting.size === 0) this.reading?.abort(new Error('Nobody waits for it any more.'));
        if (error) reject(error);
        else resolve();
      };
      const waiting: Waiting = { ...wish, settle };
      signal.addEventListener('abort', leave, { once: true });
      this.waiting.add(waiting);
      if (!this.reading) void this.run();
    });
  }

  /** Until nobody waits. Never rejects. */
  private async run(): Promise<void> {
    while (this.waiting.size > 0) {
      const { signal } = (this.reading = new AbortController());
      try {
        await this.slots.run(signal, () => this.readOne(signal));
      } catch (error) {
        // Whoever came since it was aborted still waits. What failed for one would fail for the others, too.
        if (!signal.aborted) for (const { settle } of this.waiting) settle(error as Error);
      }
    }
    this.reading = undefined;
  }

  private async readOne(signal: AbortSignal): Promise<void> {
    const first = this.choose();
    if (!first) return;
    let end = first.to;
    for (const { to } of this.waiting) if (to > end) end = to;
    const here = this.nextHere(first.offset) ?? end;
    const chunk = await this.read(first.offset, here < end ? here : end, signal);
    this.last = { from: chunk.from, next: chunk.next }; // not the chunk: the cache decides how long that is kept
    const served = [...this.waiting].filter(({ offset }) => offset >= chunk.from && offset < chunk.next);
    await Promise.all(served.map(({ take, settle }) => take(chunk).then(() => settle(), settle)));
  }

  /** Whose offset is read from: the next one upwards, or, where there is none or others wait for long, whoever came first. */
  private choose(): Waiting | undefined {
    const { from, next } = this.last;
    const above = this.lowest(next);
    if (above && this.sweep++ < LONGEST_SWEEP) return above;
    this.sweep = 0;
    const [oldest] = this.waiting;
    // Neighbours below come along; each of them would need a small read of its own afterwards.
    return oldest && this.lowest(oldest.offset - (next - from));
  }

  /** Who waits for the lowest offset that is not below a bound. */
  private lowest(bound: bigint): Waiting | undefined {
    let lowest: Waiting | undefined;
    for (const one of this.waiting) {
      if (one.offset >= bound && !(lowest && lowest.offset <= one.offset)) lowest = one;
    }
    return lowest;
  }
}
