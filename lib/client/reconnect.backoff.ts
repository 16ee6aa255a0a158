import { CloseCode } from '../protocol/close-codes.js';
import type { ClientClock } from './client.clock.js';

/** A gateway counts frames by the second: who was sent away for their number lets one pass, whatever the chance says. */
const REST = 1_000;

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

  /** Milliseconds to wait now, after a socket was closed with this code. */
  next(closeCode: number): number {
    const lived = this.#connectedAt === undefined ? 0 : this.#clock.now() - this.#connectedAt;
    // A gateway that lets clients in only to throw them out again must not be asked twice a second for ever.
    if (lived > this.#ceiling()) this.#failures = 0;
    this.#connectedAt = undefined;
    const pause = this.#below(this.#ceiling());
    this.#failures++;
    return closeCode === CloseCode.rate ? REST + pause : pause;
  }

  /** Milliseconds to wait where there is news that an attempt may succeed. A whole house gets its network back at once. */
  soon(): number {
    return this.#below(this.#minimum);
  }

  #below(ceiling: number): number {
    return Math.round(this.#random() * ceiling);
  }

  #ceiling(): number {
    return Math.min(this.#maximum, this.#minimum * 2 ** this.#failures);
  }
}
