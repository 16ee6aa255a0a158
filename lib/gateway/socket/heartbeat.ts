import { CloseCode } from '../../protocol/close-codes.js';
import type { Connection } from './connection.js';
import type { GatewayMetrics } from '../gateway.metrics.js';
import type { HeartbeatOptions } from '../gateway.options.js';
import type { RecordRouter } from '../routing/record.router.js';
import type { Session } from './session.js';

/**
 * Pings a client now and then, with its positions, so that also one that received nothing can be caught up later; and closes one
 * that does not answer. Browsers show no protocol pings to their pages, so these are frames.
 */
export class Heartbeat {
  /** When a client was pinged that has not answered yet, by the monotonic clock. */
  private readonly pinged = new WeakMap<Connection, number>();

  constructor(
    private readonly router: RecordRouter,
    private readonly options: HeartbeatOptions,
    private readonly metrics: GatewayMetrics,
  ) {}

  /** Keeps a session's heart beating until its socket closes. */
  start(connection: Connection, session: Session): void {
    const { interval, timeout } = this.options;
    const beat = (): void => {
      const sent = performance.now();
      this.pinged.set(connection, sent);
      // One turn of the event loop writes a record's frames and moves the position, so no frame before this position is missing.
      session.send('ping', { positions: session.positions(this.router.routed()) });
      connection.after(timeout, () => {
        // While we do not read, an answer may lie in the socket.
        if (connection.heard < sent && !connection.paused) connection.turnAway(CloseCode.noPong, 'no answer to a ping');
      });
      connection.after(interval, beat);
    };
    connection.after(interval, beat);
  }

  /** A client answers. Nobody takes its word for being alive: that a frame came says so already. */
  answered(connection: Connection): void {
    const sent = this.pinged.get(connection);
    if (sent === undefined || !this.pinged.delete(connection)) return;
    this.metrics.ponged(performance.now() - sent);
  }
}
