import { type Claimed, type ClaimStore, HELD, OURS } from './claim.store.js';
import type { InboxOptions } from './inbox.options.js';

/** What an entry takes beside its texts, in bytes, measured on Node 20. */
const OVERHEAD = 150;

interface Running {
  readonly holder: string;
  readonly until: number;
}

interface Done {
  readonly completion: string;
  readonly until: number;
}

/** Claims of one process, gone with it. For development and tests, and where one process is the whole service. */
export class MemoryClaimStore implements ClaimStore {
  readonly trouble = undefined;
  /** No more than handlers run at the same time. */
  private readonly running = new Map<string, Running>();
  /** In the order in which they ended, and so in the order in which they are due to be forgotten. */
  private readonly done = new Map<string, Done>();
  private bytes = 0;

  /** @param now any clock, in milliseconds */
  constructor(
    private readonly options: Pick<InboxOptions, 'lease' | 'window' | 'maxBytes'>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  async start(): Promise<void> {}

  async claim(key: string, holder: string): Promise<Claimed> {
    const other = this.other(key, holder);
    if (other) return other;
    this.running.set(key, { holder, until: this.now() + this.options.lease });
    return OURS;
  }

  async complete(key: string, holder: string, completion: string): Promise<Claimed> {
    const other = this.other(key, holder);
    if (other) return other;
    this.running.delete(key);
    this.done.set(key, { completion, until: this.now() + this.options.window });
    this.bytes += sizeOf(key, completion);
    this.forget();
    return OURS;
  }

  async release(key: string, holder: string): Promise<void> {
    if (this.running.get(key)?.holder === holder) this.running.delete(key);
  }

  async stop(): Promise<void> {}

  /** What keeps a holder from a key. */
  private other(key: string, holder: string): Claimed | undefined {
    const done = this.done.get(key);
    if (done && done.until > this.now()) return { state: 'done', completion: done.completion };
    if (done) this.drop(key, done);
    const running = this.running.get(key);
    return running && running.holder !== holder && running.until > this.now() ? HELD : undefined;
  }

  private forget(): void {
    for (const [key, done] of this.done) {
      if (done.until > this.now() && this.bytes <= this.options.maxBytes) return;
      this.drop(key, done);
    }
  }

  private drop(key: string, { completion }: Done): void {
    this.done.delete(key);
    this.bytes -= sizeOf(key, completion);
  }
}

/** Node keeps texts in one or two bytes a character; two, to be on the safe side. */
function sizeOf(key: string, completion: string): number {
  return 2 * (key.length + completion.length) + OVERHEAD;
}
