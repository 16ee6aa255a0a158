/**
 * The wire between page and gateway, made so that it can be watched and cut. Its `WebSocket` is a WebSocket like any other,
 * and the client takes it for one.
 */
export class Wire {
  #isCut = false;
  #sockets = new Set();

  /** @param onFrame called with `in` or `out`, the frame, and the time by `performance.now()` */
  constructor(onFrame) {
    this.onFrame = onFrame;
  }

  get isCut() {
    return this.#isCut;
  }

  cut() {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.close();
  }

  mend() {
    this.#isCut = false;
  }

  get WebSocket() {
    const tell = (direction, data) => this.onFrame(direction, JSON.parse(data), performance.now());
    const open = (url, protocols) => this.#open(new WatchedWebSocket(tell, url, protocols));
    const isCut = () => this.#isCut;
    return function WiredSocket(url, protocols) {
      return isCut() ? new DeadSocket() : open(url, protocols);
    };
  }

  #open(socket) {
    this.#sockets.add(socket);
    socket.addEventListener('close', () => this.#sockets.delete(socket));
    return socket;
  }
}

class WatchedWebSocket extends WebSocket {
  constructor(tell, url, protocols) {
    super(url, protocols);
    this.tell = tell;
    // Registered before the client's own listener: the page knows of a frame before the client acts on it.
    this.addEventListener('message', ({ data }) => tell('in', data));
  }

  send(data) {
    this.tell('out', data);
    super.send(data);
  }
}

/**
 * What comes of an attempt to connect while the wire is cut. A real socket that is closed before it is open would do, but
 * browsers complain of each in the console.
 */
class DeadSocket extends EventTarget {
  readyState = WebSocket.CONNECTING;

  constructor() {
    super();
    setTimeout(() => this.close());
  }

  send() {}

  close() {
    if (this.readyState === WebSocket.CLOSED) return;
    this.readyState = WebSocket.CLOSED;
    this.dispatchEvent(new CloseEvent('close', { code: 1006 }));
  }
}
