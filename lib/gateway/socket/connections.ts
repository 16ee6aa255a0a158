import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { SUBPROTOCOL } from '../../protocol/channels.js';
import { CloseCode } from '../../protocol/close-codes.js';
import type { Admission } from './admission.js';
import { Connection, type OnFrame } from './connection.js';
import type { GatewayMetrics } from '../gateway.metrics.js';
import type { GatewayOptions } from '../gateway.options.js';
import { Outbox } from './outbox.js';
import { OutboxFlusher } from './outbox.flusher.js';
import { within } from '../../timeout/bounded.wait.js';

/** How long a client may take to answer a goodbye, in milliseconds. */
const LEAVE_LIMIT = 2_000;
/** Pause between two handfuls of goodbyes, in milliseconds. */
const GOODBYE_TICK = 10;

/** All sockets of this gateway, from the handshake to the close. */
export class Connections {
  private readonly open = new Set<Connection>();
  private readonly flusher: OutboxFlusher;
  private draining = false;
  /** Set by the gateway once it can handle frames. */
  onFrame: OnFrame = () => Promise.resolve();

  constructor(
    private readonly options: GatewayOptions,
    private readonly metrics: GatewayMetrics,
    /** Who gets as far as a WebSocket. */
    readonly admission: Admission,
  ) {
    this.flusher = new OutboxFlusher(options.flushWindow);
  }

  accept(socket: WebSocket, request: IncomingMessage): void {
    const { handshake, isFull } = this.admission.of(request);
    this.metrics.connected();
    const { limits } = this.options;
    const outbox = new Outbox(socket, this.flusher, limits.queue);
    socket.once('close', (code) => this.metrics.disconnected(outbox.goodbye ?? code));
    const connection = new Connection(socket, outbox, handshake, limits.rate, (...frame) => this.onFrame(...frame));
    if (this.draining) return connection.turnAway(CloseCode.shuttingDown, 'shutting down');
    if (socket.protocol !== SUBPROTOCOL)
      return connection.turnAway(CloseCode.protocol, `offer the sub-protocol ${SUBPROTOCOL}`);
    if (isFull) return connection.turnAway(CloseCode.connectionLimit, 'too many connections');
    this.open.add(connection);
    connection.closed.addEventListener('abort', () => this.open.delete(connection), { once: true });
    connection.after(this.options.helloTimeout, () => this.giveUp(connection));
  }

  /** Bytes that wait for each client. */
  *queues(): IterableIterator<number> {
    for (const { queued } of this.open) yield queued;
  }

  /** Takes no more sockets. */
  drain(): void {
    this.draining = true;
    this.admission.drain();
  }

  /** Says goodbye to every client, to one after the other, and ends the sockets of those who do not answer it. Safe to call twice. */
  async close(): Promise<void> {
    this.draining = true;
    const leaving = [...this.open];
    const gone = Promise.all(leaving.map(({ closed }) => once(closed, 'abort')));
    await this.sayGoodbye(leaving);
    const late = (): Error => new Error('Some clients did not answer the goodbye.');
    await within(gone, LEAVE_LIMIT, late).catch(() => undefined);
    for (const connection of this.open) connection.terminate();
    this.flusher.stop();
  }

  /** Spread over the window, so that not all come to the other gateways at once; but at least one goes each millisecond. */
  private async sayGoodbye(leaving: readonly Connection[]): Promise<void> {
    const count = leaving.length;
    const time = Math.min(this.options.goodbyeWindow, count);
    const began = performance.now();
    for (let said = 0; ; await pause(GOODBYE_TICK)) {
      const due = time === 0 ? count : 1 + Math.floor(((performance.now() - began) / time) * count);
      for (; said < Math.min(due, count); said++) {
        leaving[said]!.close(CloseCode.shuttingDown, 'shutting down: reconnect to another gateway');
      }
      if (said === count) return;
    }
  }

  /** Whoever said nothing stops; whose hello waits for us, for the log or for `authenticate`, tries another gateway. */
  private giveUp(connection: Connection): void {
    if (connection.session) return;
    if (connection.greeted) connection.close(CloseCode.insufficientState, 'no welcome in time: reconnect');
    else connection.turnAway(CloseCode.noHello, 'no hello in time');
  }
}
