import type { GatewayFrames } from '../protocol/frames.js';
import type { ClientClock } from './client.clock.js';
import { SilenceWatch } from './silence.watch.js';

type Heartbeat = GatewayFrames['welcome']['heartbeat'];

/** A timer that is so many milliseconds late was held back: the page is hidden or was frozen, or the device slept. */
const HELD_BACK = 1_000;

/** Finds out whether the gateway is still there: a dead network may close no socket for minutes. */
export class HeartbeatWatch {
  readonly #silence: SilenceWatch;
  readonly #gone: (why: string) => void;
  #heartbeat: Heartbeat | undefined;
  #ask: (() => void) | undefined;
  #asked = false;

  /** @param gone is told once that the gateway is taken for lost, and why */
  constructor(clock: ClientClock, gone: (why: string) => void) {
    this.#silence = new SilenceWatch(clock);
    this.#gone = gone;
  }

  /**
   * Begins with a gateway that was just heard.
   * @param ask sends something that is answered
   */
  start(heartbeat: Heartbeat, ask: () => void): void {
    this.#heartbeat = heartbeat;
    this.#ask = ask;
    this.#listen(heartbeat);
  }

  heard(): void {
    if (this.#heartbeat && this.#asked) this.#listen(this.#heartbeat);
    else this.#silence.heard();
  }

  /** There is reason to doubt: asks, and does not wait for the next ping. */
  probe(): void {
    if (!this.#heartbeat || this.#asked) return;
    const { timeout } = this.#heartbeat;
    this.#asked = true;
    this.#silence.start(timeout, () => this.#gone(`the gateway did not answer within ${timeout} ms`));
    this.#ask?.();
  }

  stop(): void {
    this.#heartbeat = undefined;
    this.#silence.stop();
  }

  #listen({ interval, timeout }: Heartbeat): void {
    this.#asked = false;
    this.#silence.start(interval + timeout, (late) => {
      // Where timers were held back, frames may have been as well, and lie right behind.
      if (late > HELD_BACK) this.probe();
      else this.#gone(`nothing was heard from the gateway for ${interval + timeout} ms, not even a ping`);
    });
  }
}
