import type { WebSocketConstructor } from 'nestjs-kafka-socket/client';
import { WebSocket } from 'ws';

/** Makes sockets like `ws` does, and can cut the newest one as a dead network would: without a goodbye. */
export class CuttableSocket {
  private newest: WebSocket | undefined;

  /** To be given to a client as its `WebSocket`. */
  readonly implementation: WebSocketConstructor;

  constructor() {
    const made = (socket: WebSocket): void => {
      this.newest = socket;
    };
    this.implementation = class extends WebSocket {
      constructor(url: string, protocols?: string | string[]) {
        super(url, protocols);
        made(this);
      }
    };
  }

  cut(): void {
    this.newest?.terminate();
  }
}
