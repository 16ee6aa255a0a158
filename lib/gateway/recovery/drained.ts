import { setTimeout as pause } from 'node:timers/promises';
import type { Outbox } from '../socket/outbox.js';

/** Bytes that may wait for a client before whoever writes without haste pauses. */
const HIGH_WATER = 256 * 1024;
/** `ws` tells of no drain: https://github.com/websockets/ws/issues/492. So it is looked at, this often, in milliseconds. */
const LOOK_EVERY = 10;
/** How long a client may take nothing at all, in milliseconds; then it is closed with 4008. */
const STALLED = 10_000;

/**
 * Waits until a client has room again. Gives other work a turn in any case, so that a long recovery never holds the event loop.
 * @throws the signal's reason when it aborts, as it does when the socket closes; and where nothing more can go to the client, which
 * may hold its socket open for long after the goodbye
 */
export async function drained(outbox: Outbox, signal: AbortSignal): Promise<void> {
  outbox.flush(); // what is recovered has waited long enough: not for the flush window as well
  await new Promise(setImmediate);
  let least = outbox.bytes;
  let moved = performance.now();
  while (outbox.bytes > HIGH_WATER) {
    await pause(LOOK_EVERY, undefined, { signal });
    outbox.flush();
    if (outbox.bytes < least) moved = performance.now();
    least = Math.min(least, outbox.bytes);
    if (performance.now() - moved > STALLED) outbox.giveUp();
    if (!outbox.open) break;
  }
  signal.throwIfAborted();
  if (!outbox.open) throw new Error('The client got its goodbye.');
}
