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
    const open = (socket) => this.#open(socket);
    return class WatchedWebSocket extends WebSocket {
      constructor(url, protocols) {
        super(url, protocols);
        open(this);
        // Registered before the client's own listener: the page knows of a frame before the client acts on it.
        this.addEventListener('message', ({ data }) => tell('in', data));
      }

      send(data) {
        tell('out', data);
        super.send(data);
      }
    };
  }

  #open(socket) {
    this.#sockets.add(socket);
    socket.addEventListener('close', () => this.#sockets.delete(socket));
    if (this.#isCut) socket.close();
  }
}
