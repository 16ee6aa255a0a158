import { SUBPROTOCOL } from '../protocol/channels.js';
import type { ClientFrames } from '../protocol/frames.js';

/** As much of a WebSocket as the client uses: what browsers, Node from version 22 on, React Native and `ws` have in common. */
export interface WebSocketLike {
  readonly readyState: number;
  send(data: string): void;
  close(): void;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number; reason?: string }) => void): void;
}

/** Makes WebSockets: the global `WebSocket`, or the one of `ws`. */
export type WebSocketConstructor = new (url: string, protocols: string) => WebSocketLike;

/** What becomes of a socket. Nothing is told any more once it was dropped. */
export interface SocketEvents {
  opened(): void;
  received(data: unknown): void;
  closed(code: number, reason: string): void;
}

const OPEN = 1;

/** One socket to a gateway, from its opening to its end. */
export class GatewaySocket {
  readonly #socket: WebSocketLike;
  #events: SocketEvents | undefined;

  constructor(Implementation: WebSocketConstructor, url: string, events: SocketEvents) {
    this.#events = events;
    this.#socket = new Implementation(url, SUBPROTOCOL);
    this.#socket.addEventListener('open', () => this.#events?.opened());
    this.#socket.addEventListener('message', ({ data }) => this.#events?.received(data));
    // Not every runtime gives a reason where there is none.
    this.#socket.addEventListener('close', ({ code, reason = '' }) => {
      const told = this.#events;
      this.#events = undefined;
      told?.closed(code, reason);
    });
    // `close` follows and says as much as can be known; without a listener `ws` would throw.
    this.#socket.addEventListener('error', () => undefined);
  }

  /** Whether what is sent now goes out. A socket that is closing takes nothing any more, and may be so for long before it is closed. */
  get isOpen(): boolean {
    return this.#socket.readyState === OPEN;
  }

  /** Sends a frame. On a socket that is closing already it is lost, as it would be on the wire. */
  send<E extends keyof ClientFrames>(event: E, data: ClientFrames[E], id?: string): void {
    this.sendText(JSON.stringify({ event, data, id }));
  }

  /** Sends a frame that is text already. */
  sendText(text: string): void {
    if (this.isOpen) this.#socket.send(text);
  }

  /** Is done with the socket, at once: on a dead network its `close` event may take minutes. */
  drop(): void {
    this.#events = undefined;
    this.#socket.close();
  }
}
