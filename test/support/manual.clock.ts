import type { ClientClock } from '../../lib/client/client.clock.js';

interface Timer {
  readonly due: number;
  readonly fire: () => void;
}

/** Time that stands still until a test moves it. */
export class ManualClock implements ClientClock {
  private readonly timers = new Set<Timer>();
  private time = 1_000_000;

  /** Timers that nobody took back. */
  get pending(): number {
    return this.timers.size;
  }

  now(): number {
    return this.time;
  }

  after(milliseconds: number, fire: () => void): () => void {
    const timer = { due: this.time + milliseconds, fire };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  /** Lets time pass, and calls what falls due in it, in order. */
  advance(milliseconds: number): void {
    const end = this.time + milliseconds;
    for (let timer = this.nextBy(end); timer; timer = this.nextBy(end)) {
      this.timers.delete(timer);
      this.time = Math.max(this.time, timer.due);
      timer.fire();
    }
    this.time = end;
  }

  /** Lets time pass in which no timer runs, as in a page that is frozen; those that fell due run with the next {@link advance}. */
  freeze(milliseconds: number): void {
    this.time += milliseconds;
  }

  private nextBy(end: number): Timer | undefined {
    const [first] = [...this.timers].sort((one, other) => one.due - other.due);
    return first && first.due <= end ? first : undefined;
  }
}
