import { EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { Gateway } from '../../lib/gateway/gateway.js';
import { SUBPROTOCOL } from '../../lib/protocol/channels.js';

/** What a client needs of a socket. */
export interface ClientSocket {
  onText: (text: string) => void;
  onClose: () => void;
  send(text: string): void;
  /** Takes nothing any more: what is sent waits at the gateway. */
  stall(): void;
  /** Takes what waited, and goes on. */
  drain(): void;
  /** Ends as a dead network does: what waits is lost. */
  cut(): void;
}

/** What `ws` gives a gateway, with no network behind it. */
class GatewayEnd extends EventEmitter {
  readonly OPEN = 1;
  readonly protocol = SUBPROTOCOL;
  readonly extensions = '';
  readonly isPaused = false;
  readyState = 1;
  bufferedAmount = 0;
  stalled = false;
  private waiting: string[] = [];

  constructor(private readonly receive: (text: string) => void) {
    super();
  }

  send(data: string | Buffer): void {
    if (this.readyState !== this.OPEN) return;
    this.waiting.push(data.toString());
    this.bufferedAmount += data.length;
    if (!this.stalled) this.flush();
  }

  flush(): void {
    const texts = this.waiting;
    this.waiting = [];
    this.bufferedAmount = 0;
    for (const text of texts) this.receive(text);
  }

  close(): void {
    this.terminate();
  }

  terminate(): void {
    if (this.readyState !== this.OPEN) return;
    this.readyState = 3;
    this.waiting = [];
    setImmediate(() => this.emit('close', 1006)); // never within the call: `ws` does not do so either
  }

  pause(): void {}

  resume(): void {}
}

/** A socket without a network: all that happens on it happens at once, so a thousand connections take a second. */
export class ScriptedSocket implements ClientSocket {
  onText: (text: string) => void = () => undefined;
  onClose: () => void = () => undefined;
  private readonly end = new GatewayEnd((text) => this.onText(text));

  private constructor() {
    this.end.on('close', () => this.onClose());
  }

  /** Opens one, as an upgrade would. */
  static async to(gateway: Gateway): Promise<ScriptedSocket> {
    const made = new ScriptedSocket();
    const tcp = Object.assign(new EventEmitter(), { remoteAddress: '127.0.0.1' });
    const request = { headers: {}, socket: tcp } as unknown as IncomingMessage;
    const { admission } = gateway.connections;
    made.end.on('close', () => tcp.emit('close'));
    await new Promise<void>((admitted) =>
      admission.verify({ req: request, origin: '', secure: false }, () => admitted()),
    );
    gateway.connections.accept(made.end as unknown as WebSocket, request);
    return made;
  }

  send(text: string): void {
    setImmediate(() => this.end.emit('message', Buffer.from(text), false));
  }

  stall(): void {
    this.end.stalled = true;
  }

  drain(): void {
    this.end.stalled = false;
    this.end.flush();
  }

  cut(): void {
    this.end.terminate();
  }
}

/** A real one. */
export class RealSocket implements ClientSocket {
  onText: (text: string) => void = () => undefined;
  onClose: () => void = () => undefined;

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (data) => this.onText((data as Buffer).toString()));
    socket.on('close', () => this.onClose());
    socket.on('error', () => undefined); // told by the close
  }

  static async to(url: string): Promise<RealSocket> {
    const socket = new WebSocket(url, SUBPROTOCOL);
    await once(socket, 'open');
    return new RealSocket(socket);
  }

  send(text: string): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(text);
  }

  stall(): void {
    this.socket.pause();
  }

  drain(): void {
    this.socket.resume();
  }

  cut(): void {
    this.socket.terminate();
  }
}
