import { DeadlinePassedError } from './timeout.errors.js';

/** Node fires a longer delay at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/**
 * A command's deadline, for whoever handles it: whether it is too late, how much time is left, and a signal when it is over.
 * Release it with {@link dispose} (or `using`) once the command is handled.
 */
export class Deadline implements Disposable {
  private controller?: AbortController;
  private timer?: NodeJS.Timeout;
  private disposed = false;

  /**
   * @param at milliseconds since the epoch; undefined: it never passes
   * @param now the clock that deadlines are made and judged by, see `TimeoutScheduler.now`
   */
  constructor(
    readonly at: number | undefined,
    private readonly now: () => number = Date.now,
  ) {}

  /** Milliseconds left, never below 0; `Infinity` where there is no deadline. */
  get remaining(): number {
    return this.at === undefined ? Infinity : Math.max(0, this.at - this.now());
  }

  /** Whether it has passed. */
  expired(): boolean {
    return this.at !== undefined && this.now() > this.at;
  }

  /** Aborts at the deadline with a {@link DeadlinePassedError}; never after {@link dispose}. Made when first asked for. */
  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      this.watch();
    }
    return this.controller.signal;
  }

  /** Releases the timer. Safe to call twice. */
  dispose(): void {
    this.disposed = true;
    clearTimeout(this.timer);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private watch(): void {
    if (this.at === undefined || this.disposed) return;
    const { remaining } = this;
    if (remaining === 0) return this.controller?.abort(this.reason());
    this.timer = setTimeout(() => this.watch(), Math.min(Math.ceil(remaining), LONGEST_DELAY));
  }

  private reason(): DeadlinePassedError {
    return new DeadlinePassedError(
      `The command's deadline (${new Date(this.at!).toISOString()}) has passed, and its client was told so. Stop what was begun for it.`,
    );
  }
}
