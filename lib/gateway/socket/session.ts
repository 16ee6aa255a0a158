import type { WebSocket } from 'ws';
import type { Frame, GatewayFrames, Positions } from '../../protocol/frames.js';
import { CloseCode } from '../../protocol/close-codes.js';
import type { GatewayClient, Handshake } from '../gateway.options.js';
import type { Claims } from '../../message/claims.js';
import { drained } from '../recovery/drained.js';
import type { RoutedRecord } from '../routing/routed.record.js';

/** Which events of a topic a session wants: these types, or all. */
export type WantedTypes = ReadonlySet<string> | 'all';

/** What the hello said. */
export interface SessionIdentity {
  readonly id: string;
  /** Raw uncompressed P-256 point, base64url; a checked one. */
  readonly publicKey: string;
  readonly claims: Claims | undefined;
  readonly handshake: Handshake;
}

/** One socket that said hello. Two sockets may share a session's id; they share nothing else. */
export class Session implements GatewayClient {
  /** Topics whose events are wanted, by topic. */
  readonly channels = new Map<string, WantedTypes>();
  /** The last offset that is done with, where it is not simply what the gateway routed last. By `topic/partition`. */
  private readonly done = new Map<string, bigint>();
  private recovering = false;
  /** Bytes of live frames so far. */
  private liveBytes = 0;
  claims: Claims | undefined;

  constructor(
    readonly socket: WebSocket,
    readonly identity: SessionIdentity,
    /** Bytes that may wait for the client before it counts as too slow. */
    private readonly queueLimit: number,
  ) {
    this.claims = identity.claims;
  }

  get id(): string {
    return this.identity.id;
  }

  get handshake(): Handshake {
    return this.identity.handshake;
  }

  /** Whether records are delivered as they are routed; before, recovery delivers them. */
  get live(): boolean {
    return !this.recovering;
  }

  get open(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  /** Begins with what was missed: live records wait in the ring and in the log. */
  beginRecovery(from: ReadonlyMap<string, bigint>): void {
    this.recovering = true;
    for (const [partition, offset] of from) this.done.set(partition, offset);
  }

  /** All that was missed is on its way, so records are delivered as they are routed from now on. */
  goLive(): void {
    this.recovering = false;
  }

  /** The last offset that is done with for this client in a partition, given the last that the gateway routed. */
  position(topic: string, partition: number, routed: bigint): bigint {
    const done = this.done.get(`${topic}/${partition}`);
    if (done === undefined) return routed;
    // Ahead of this gateway: the client heard of later records from another one.
    return this.recovering || done > routed ? done : routed;
  }

  /** Notes that recovery has passed all up to an offset. */
  passed(topic: string, partition: number, offset: bigint): void {
    this.done.set(`${topic}/${partition}`, offset);
  }

  /** Whether a record lies behind what the client has seen already, at this gateway or another. */
  hasSeen(record: Pick<RoutedRecord, 'topic' | 'partition' | 'offset'>): boolean {
    const done = this.done.get(`${record.topic}/${record.partition}`);
    return done !== undefined && record.offset <= done;
  }

  wantsEvent(topic: string, type: string): boolean {
    const types = this.channels.get(topic);
    return types !== undefined && (types === 'all' || types.has(type));
  }

  /** Sends one of the gateway's own frames; `id` is the client's, echoed. */
  send<E extends keyof GatewayFrames>(event: E, data: GatewayFrames[E], id?: string): void {
    if (this.open) this.sendLive(frameText(event, data, id));
  }

  /** Sends a frame that is text already. A client that does not keep up is closed: recovery repairs what it missed. */
  sendLive(frame: string): void {
    this.liveBytes += frame.length;
    // What recovery wrote lies before all live frames, and is no fault of the client's: it does not count.
    if (Math.min(this.socket.bufferedAmount, this.liveBytes) > this.queueLimit) {
      this.socket.close(CloseCode.tooSlow, 'too slow: reconnect and recover');
      return;
    }
    this.socket.send(frame);
  }

  /** Sends a frame of recovery, which waits for the socket to drain and is never too slow. */
  sendRecovered(frame: string): void {
    this.socket.send(frame);
  }

  /**
   * Waits until the client has room for more of recovery. Gives other work a turn in any case, and closes a client that takes
   * nothing at all with 4008.
   * @throws the signal's reason when it aborts, as it does when the socket closes
   */
  drained(signal: AbortSignal): Promise<void> {
    return drained(this.socket, signal);
  }

  /** Says goodbye, after all that is on its way to the client. Safe to call twice: the first goodbye is said. */
  close(code: CloseCode, reason: string): void {
    this.socket.close(code, reason);
  }

  /** Where this client stands, given where the gateway stands. */
  positions(routed: Iterable<readonly [topic: string, partition: number, offset: bigint]>): Positions {
    const positions: Record<string, Record<string, string>> = {};
    for (const [topic, partition, offset] of routed) {
      // Found while this client catches up: nothing of it is on its way yet.
      if (this.recovering && !this.done.has(`${topic}/${partition}`)) continue;
      (positions[topic] ??= {})[partition] = String(this.position(topic, partition, offset));
    }
    return positions;
  }
}

/** One of the gateway's own frames as text; `id` is the client's, echoed. */
export function frameText<E extends keyof GatewayFrames>(event: E, data: GatewayFrames[E], id?: string): string {
  const frame: Frame = { event, data, ...(id !== undefined && { id }) };
  return JSON.stringify(frame);
}
