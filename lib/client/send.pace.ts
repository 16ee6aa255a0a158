import type { ClientClock } from './client.clock.js';

/** Share of the gateway's rate that we take; the rest is for pongs, tokens and questions whether it is still there. */
const SHARE = 0.9;

/**
 * How fast frames may go out at one gateway, so that it never has to refuse one for its rate. It takes bursts of twice the
 * rate; we use one half of that.
 */
export class SendPace {
  readonly #clock: ClientClock;
  readonly #rate: number;
  /** As many as may go out at once. */
  readonly #burst: number;
  /** Who has something to send, and is asked again once there is leave. */
  readonly #waiting = new Set<() => void>();
  #stopTimer: (() => void) | undefined;
  #tokens: number;
  #filled: number;

  /** @param rate frames a second that the gateway takes */
  constructor(clock: ClientClock, rate: number) {
    this.#clock = clock;
    this.#rate = rate;
    this.#burst = Math.max(1, rate);
    this.#tokens = this.#burst;
    this.#filled = clock.now();
  }

  /**
   * Takes leave to send one frame.
   * @param again called once, where there is no leave now, when there may be; it asks anew then
   */
  take(again: () => void): boolean {
    const now = this.#clock.now();
    const perMillisecond = (this.#rate * SHARE) / 1_000;
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filled) * perMillisecond);
    this.#filled = now;
    if (this.#tokens < 1) {
      this.#waiting.add(again);
      this.#stopTimer ??= this.#clock.after(Math.ceil((1 - this.#tokens) / perMillisecond), () => this.#wake());
      return false;
    }
    this.#tokens--;
    return true;
  }

  /** The gateway refused one all the same, or closed the last connection for the rate: pauses. */
  exhaust(): void {
    this.#tokens = 0;
    this.#filled = this.#clock.now();
  }

  /** The gateway is gone, and nobody waits for it any more. */
  stop(): void {
    this.#waiting.clear();
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #wake(): void {
    this.#stopTimer = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const again of waiting) again();
  }
}
