import type { ClientClock } from './client.clock.js';

/**
 * How long to wait before the next attempt: a random time below a ceiling that doubles with each attempt, so that clients
 * that lost a gateway together do not come back together.
 */
export class ReconnectBackoff {
  readonly #minimum: number;
  readonly #maximum: number;
  readonly #clock: ClientClock;
  readonly #random: () => number;
  #failures = 0;
  #connectedAt: number | undefined;

  /**
   * @param minimum the first ceiling, in milliseconds
   * @param maximum the highest ceiling
   */
  constructor(minimum: number, maximum: number, clock: ClientClock, random: () => number) {
    this.#minimum = minimum;
    this.#maximum = maximum;
    this.#clock = clock;
    this.#random = random;
  }

  /** A connection stands. */
  connected(): void {
    this.#connectedAt = this.#clock.now();
  }

  /** Milliseconds to wait now. */
  next(): number {
    const lived = this.#connectedAt === undefined ? 0 : this.#clock.now() - this.#connectedAt;
    // A gateway that lets clients in only to throw them out again must not be asked twice a second for ever.
    if (lived > this.#ceiling()) this.#failures = 0;
    this.#connectedAt = undefined;
    const pause = Math.round(this.#random() * this.#ceiling());
    this.#failures++;
    return pause;
  }

  #ceiling(): number {
    return Math.min(this.#maximum, this.#minimum * 2 ** this.#failures);
  }
}
