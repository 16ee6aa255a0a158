import { setTimeout as pause } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { CloseCode } from '../../protocol/close-codes.js';

/** Bytes that may wait in a socket before whoever writes without haste pauses. */
const HIGH_WATER = 256 * 1024;
/** `ws` tells of no drain: https://github.com/websockets/ws/issues/492. So it is looked at, this often, in milliseconds. */
const LOOK_EVERY = 10;
/** How long a client may take nothing at all, in milliseconds; then it is closed with 4008. */
const STALLED = 10_000;

/**
 * Waits until a socket has room again. Gives other work a turn in any case, so that a long recovery never holds the event loop.
 * @throws the signal's reason when it aborts, as it does when the socket closes
 */
export async function drained(socket: WebSocket, signal: AbortSignal): Promise<void> {
  await new Promise(setImmediate);
  let least = socket.bufferedAmount;
  let moved = performance.now();
  while (socket.bufferedAmount > HIGH_WATER) {
    await pause(LOOK_EVERY, undefined, { signal });
    if (socket.bufferedAmount < least) moved = performance.now();
    least = Math.min(least, socket.bufferedAmount);
    if (performance.now() - moved > STALLED) socket.close(CloseCode.tooSlow, 'too slow: nothing was read');
    if (socket.readyState !== socket.OPEN) throw new Error('The client does not read.');
  }
  signal.throwIfAborted();
}
