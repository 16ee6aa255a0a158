import { setTimeout as sleep } from 'node:timers/promises';

const SHORTEST = 100;
const LONGEST = 5_000;

/** Ever longer pauses between attempts that fail, from 100 ms to 5 s, each up to a quarter longer so that not all come at once. */
export class Backoff {
  private next = SHORTEST;

  /** @param longest milliseconds */
  constructor(private readonly longest = LONGEST) {}

  /** Waits; at once over when the signal aborts. */
  async pause(signal: AbortSignal): Promise<void> {
    await sleep(this.step(), undefined, { signal }).catch(() => undefined);
  }

  /** How long to wait now, in milliseconds; longer the next time. */
  step(): number {
    const length = this.next * (1 + Math.random() / 4);
    this.next = Math.min(this.next * 2, this.longest);
    return length;
  }

  /** It works again. */
  reset(): void {
    this.next = SHORTEST;
  }
}
