import type { ClientClock } from './client.clock.js';

/** Tells when nothing was heard for too long. */
export class SilenceWatch {
  readonly #clock: ClientClock;
  #heard = 0;
  #stopTimer: (() => void) | undefined;

  constructor(clock: ClientClock) {
    this.#clock = clock;
  }

  /**
   * Begins anew, in place of what was watched for before.
   * @param limit milliseconds that may pass without a word
   * @param silent called once; gets by how many milliseconds the runtime was late to do so
   */
  start(limit: number, silent: (late: number) => void): void {
    this.stop();
    this.heard();
    const check = (): void => {
      const left = this.#heard + limit - this.#clock.now();
      if (left > 0) this.#stopTimer = this.#clock.after(left, check);
      else silent(-left);
    };
    this.#stopTimer = this.#clock.after(limit, check);
  }

  heard(): void {
    this.#heard = this.#clock.now();
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }
}
