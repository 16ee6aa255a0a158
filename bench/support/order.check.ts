import { setTimeout as pause } from 'node:timers/promises';

/** What a handler is given: the how manyth of its key it is, from 1, and how long it takes, in milliseconds. */
export interface Work {
  readonly key: number;
  readonly turn: number;
  readonly takes: number;
}

/** What came to a handler: each thing once, and those of one key in order and never two at a time. */
export class OrderCheck {
  private readonly done = new Map<number, number>();
  private readonly busy = new Set<number>();
  private handled = 0;
  private broken = 0;
  private awaited = Infinity;
  private reached: () => void = () => undefined;

  /** Does the work as a handler would. */
  async handle({ key, turn, takes }: Work): Promise<Pick<Work, 'turn'>> {
    if (this.busy.has(key) || turn !== (this.done.get(key) ?? 0) + 1) this.broken++;
    this.busy.add(key);
    if (takes > 0) await pause(takes);
    this.busy.delete(key);
    this.done.set(key, turn);
    if (++this.handled === this.awaited) this.reached();
    return { turn };
  }

  /** Resolves when so many are done, counted from the very first; with how often the order was broken. */
  async until(count: number): Promise<number> {
    if (this.handled < count) {
      await new Promise<void>((resolve) => {
        this.awaited = count;
        this.reached = resolve;
      });
    }
    return this.broken;
  }
}
