import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { SUBPROTOCOL } from '../../protocol/channels.js';
import { CloseCode } from '../../protocol/close-codes.js';
import { Connection, type OnFrame } from './connection.js';
import type { GatewayMetrics } from '../gateway.metrics.js';
import type { GatewayOptions } from '../gateway.options.js';

/** All sockets of this gateway, from the handshake to the close. */
export class Connections {
  private readonly open = new Set<Connection>();
  private draining = false;
  /** Set by the gateway once it can handle frames. */
  onFrame: OnFrame = () => Promise.resolve();

  constructor(
    private readonly options: GatewayOptions,
    private readonly metrics: GatewayMetrics,
  ) {}

  accept(socket: WebSocket, request: IncomingMessage): void {
    this.metrics.connected();
    socket.once('close', (code) => this.metrics.disconnected(code));
    const { headers } = request;
    const handshake = { headers, remoteAddress: request.socket.remoteAddress };
    const connection = new Connection(socket, handshake, this.options.limits.rate, (...frame) =>
      this.onFrame(...frame),
    );
    if (this.draining) return socket.close(CloseCode.shuttingDown, 'shutting down');
    if (socket.protocol !== SUBPROTOCOL)
      return socket.close(CloseCode.protocol, `offer the sub-protocol ${SUBPROTOCOL}`);
    if (this.open.size >= this.options.limits.connections)
      return socket.close(CloseCode.connectionLimit, 'too many connections');
    this.open.add(connection);
    connection.closed.addEventListener('abort', () => this.open.delete(connection), { once: true });
    connection.after(this.options.helloTimeout, () => this.giveUp(connection));
  }

  /** Takes no more sockets. */
  drain(): void {
    this.draining = true;
  }

  /** Says goodbye to every client, and waits until all have gone or the time, in milliseconds, is over. */
  async close(timeout: number): Promise<void> {
    this.draining = true;
    const gone = [...this.open].map(({ socket }) => new Promise((resolve) => socket.once('close', resolve)));
    for (const { socket } of this.open)
      socket.close(CloseCode.shuttingDown, 'shutting down: reconnect to another gateway');
    const waiting = new AbortController();
    await Promise.race([
      Promise.all(gone),
      pause(timeout, undefined, { signal: waiting.signal }).catch(() => undefined),
    ]);
    waiting.abort();
    for (const { socket } of this.open) socket.terminate();
  }

  /** Whoever said nothing stops; whose hello waits for us, for the log or for `authenticate`, tries another gateway. */
  private giveUp({ session, greeted, socket }: Connection): void {
    if (session) return;
    if (greeted) socket.close(CloseCode.insufficientState, 'no welcome in time: reconnect');
    else socket.close(CloseCode.noHello, 'no hello in time');
  }
}
