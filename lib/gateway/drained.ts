import { setTimeout as pause } from 'node:timers/promises';
import type { WebSocket } from 'ws';

/** Bytes that may wait in a socket before whoever writes without haste pauses. */
const HIGH_WATER = 256 * 1024;
/** `ws` tells of no drain: https://github.com/websockets/ws/issues/492. So it is looked at, this often, in milliseconds. */
const LOOK_EVERY = 10;

/**
 * Waits until a socket has room again. Gives other work a turn in any case, so that a long recovery never holds the event loop.
 * @throws the signal's reason when it aborts, as it does when the socket closes
 */
export async function drained(socket: WebSocket, signal: AbortSignal): Promise<void> {
  await new Promise(setImmediate);
  while (socket.bufferedAmount > HIGH_WATER) await pause(LOOK_EVERY, undefined, { signal });
  signal.throwIfAborted();
}
