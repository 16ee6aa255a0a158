import type { WebSocket } from 'ws';

/**
 * What of the private sender of `ws` is used, as it stands in 8.22 (`lib/sender.js`), which @nestjs/platform-ws pins. Frames that
 * are made already cost a third less this way, and only this way several of them become one write.
 */
export interface WireSender {
  /** Writes a list of one or two buffers to the socket as they are, in one system call. */
  sendFrame(list: readonly Buffer[]): void;
  /** 0: nothing is being compressed, or read from a blob. */
  readonly _state: number;
  /** What waits until that is done. */
  readonly _queue: readonly unknown[];
}

/** The sender of a socket where it looks as we know it and changes nothing of what it sends; undefined elsewhere. */
export function wireSender(socket: WebSocket): WireSender | undefined {
  const { _sender: sender, extensions } = socket as WebSocket & { readonly _sender?: Partial<WireSender> };
  if (!sender || extensions !== '') return undefined; // a compressed message has another header
  const isKnown =
    typeof sender.sendFrame === 'function' && typeof sender._state === 'number' && Array.isArray(sender._queue);
  return isKnown ? (sender as WireSender) : undefined;
}

/** Whether what is written now stands behind all that was sent before. */
export function isIdle({ _state, _queue }: WireSender): boolean {
  return _state === 0 && _queue.length === 0;
}
