import type { ClientClock } from './client.clock.js';

/** Shares of the time that a token has left, between which it is renewed: clients that came together do not all ask at once. */
const EARLIEST = 0.75;
const LATEST = 0.9;
/** A token that ends sooner is not renewed in band; nor is one that has ended by a clock of ours that is wrong. */
const SHORTEST = 10_000;
/** Between two tries where one failed, in milliseconds, and at least half of that. */
const RETRY = 10_000;

/** Renews the token on the open connection before it ends. Where that fails to the end, the gateway closes it with 4005. */
export class TokenRenewal {
  readonly #clock: ClientClock;
  readonly #random: () => number;
  readonly #renew: () => Promise<Date | undefined>;
  readonly #failed: (error: unknown) => void;
  #stopTimer: (() => void) | undefined;

  /**
   * @param renew shows a fresh token; resolves with when it ends
   * @param failed is told why it could not
   */
  constructor(
    clock: ClientClock,
    random: () => number,
    renew: () => Promise<Date | undefined>,
    failed: (error: unknown) => void,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#renew = renew;
    this.#failed = failed;
  }

  /** The token in use ends then; undefined: nobody knows. */
  due(expires: Date | undefined): void {
    this.stop();
    const left = (expires?.getTime() ?? 0) - Date.now();
    if (left >= SHORTEST) this.#in(left * (EARLIEST + (LATEST - EARLIEST) * this.#random()));
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #in(pause: number): void {
    const stopTimer = this.#clock.after(pause, () => void this.#attempt(() => this.#stopTimer === stopTimer));
    this.#stopTimer = stopTimer;
  }

  /** @param counts false once somebody else took over, or the connection is gone */
  async #attempt(counts: () => boolean): Promise<void> {
    try {
      const expires = await this.#renew();
      if (counts()) this.due(expires);
    } catch (error) {
      if (!counts()) return;
      this.#failed(error);
      this.#in(RETRY * (0.5 + 0.5 * this.#random()));
    }
  }
}
