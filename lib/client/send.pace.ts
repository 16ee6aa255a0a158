import type { ClientClock } from './client.clock.js';

/** Share of the gateway's rate that requests may take; the rest is for pongs and subscriptions. */
const SHARE = 0.9;

/**
 * How fast requests may go out, so that the gateway never has to refuse one for its rate. It takes bursts of twice the rate;
 * we use one half of that.
 */
export class SendPace {
  readonly #clock: ClientClock;
  readonly #rate: number;
  #tokens: number;
  #filled: number;

  /** @param rate frames a second that the gateway takes */
  constructor(clock: ClientClock, rate: number) {
    this.#clock = clock;
    this.#rate = rate;
    this.#tokens = rate;
    this.#filled = clock.now();
  }

  /** Takes leave to send one. Zero: now; else milliseconds to wait before asking again. */
  take(): number {
    const now = this.#clock.now();
    const perMillisecond = (this.#rate * SHARE) / 1_000;
    this.#tokens = Math.min(this.#rate, this.#tokens + (now - this.#filled) * perMillisecond);
    this.#filled = now;
    if (this.#tokens < 1) return Math.ceil((1 - this.#tokens) / perMillisecond);
    this.#tokens--;
    return 0;
  }

  /** The gateway refused one all the same: pauses. */
  exhaust(): void {
    this.#tokens = 0;
  }
}
