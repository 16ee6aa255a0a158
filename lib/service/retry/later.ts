import { setTimeout as sleep } from 'node:timers/promises';
import type { Handler } from '../declaration/handler.js';

/** Node fires a longer delay at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** A record that is to be handled again. */
export class Later {
  /**
   * @param due not before it, in milliseconds since the epoch
   * @param handlers who is not done with it
   */
  constructor(
    readonly due: number,
    readonly handlers: readonly Handler[],
  ) {}
}

/**
 * Waits until a time, never shorter: a timer may fire before the clock says so, and the clock may be set back.
 * @param signal ends it early, without an error
 */
export async function until(due: number, now: () => number, signal: AbortSignal): Promise<void> {
  for (let left = due - now(); left > 0 && !signal.aborted; left = due - now()) {
    await sleep(Math.min(left, LONGEST_DELAY), undefined, { signal }).catch(() => undefined);
  }
}
