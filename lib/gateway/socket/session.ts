import type { Frame, GatewayFrames, Positions } from '../../protocol/frames.js';
import type { CloseCode } from '../../protocol/close-codes.js';
import type { GatewayClient, Handshake } from '../gateway.options.js';
import type { Claims } from '../../message/claims.js';
import { drained } from '../recovery/drained.js';
import type { RoutedRecord } from '../routing/routed.record.js';
import type { Outbox } from './outbox.js';
import { wireFrame } from './wire.frame.js';

/** Which events of a topic a session wants: these types, or all. */
export type WantedTypes = ReadonlySet<string> | 'all';

/** The last offset of a partition that a gateway routed. */
export type RoutedUpTo = readonly [topic: string, partition: number, offset: bigint];

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
  claims: Claims | undefined;

  constructor(
    private readonly outbox: Outbox,
    readonly identity: SessionIdentity,
  ) {
    this.claims = identity.claims;
  }

  get id(): string {
    return this.identity.id;
  }

  get handshake(): Handshake {
    return this.identity.handshake;
  }

  /** Whether anything more can go to the client. */
  get open(): boolean {
    return this.outbox.open;
  }

  /** Whether records are delivered as they are routed; before, recovery delivers them. */
  get live(): boolean {
    return !this.recovering;
  }

  /** Begins with what was missed: live records wait in the ring and in the log. */
  beginRecovery(from: ReadonlyMap<string, bigint>): void {
    this.recovering = true;
    for (const [partition, offset] of from) this.done.set(partition, offset);
  }

  /**
   * All that was missed is on its way, so records are delivered as they are routed from now on.
   * @param routed what the gateway routed last: of a partition in which the client is not ahead of it nothing need be remembered
   */
  goLive(routed: Iterable<RoutedUpTo>): void {
    this.recovering = false;
    for (const [topic, partition, offset] of routed) {
      const key = `${topic}/${partition}`;
      const done = this.done.get(key);
      if (done !== undefined && done <= offset) this.done.delete(key);
    }
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

  /** Whether a record is to be sent as it is routed: not while recovery sends them, and not where another gateway did before. */
  takes(record: Pick<RoutedRecord, 'topic' | 'partition' | 'offset'>): boolean {
    if (this.recovering) return false;
    if (this.done.size === 0) return true; // asked for every event and client
    const key = `${record.topic}/${record.partition}`;
    const done = this.done.get(key);
    if (done !== undefined && record.offset <= done) return false;
    this.done.delete(key); // no longer ahead
    return true;
  }

  wantsEvent(topic: string, type: string): boolean {
    const types = this.channels.get(topic);
    return types !== undefined && (types === 'all' || types.has(type));
  }

  /** Sends one of the gateway's own frames; `id` is the client's, echoed. */
  send<E extends keyof GatewayFrames>(event: E, data: GatewayFrames[E], id?: string): void {
    this.outbox.send(frameOf(event, data, id));
  }

  /** Sends a frame that is made already. A client that does not keep up is closed: recovery repairs what it missed. */
  sendLive(frame: Buffer): void {
    this.outbox.send(frame);
  }

  /** Sends a frame of recovery, which waits for the client by {@link drained} and finds it never too slow. */
  sendRecovered(frame: Buffer): void {
    this.outbox.sendPatiently(frame);
  }

  /**
   * Waits until the client has room for more of recovery. Gives other work a turn in any case, and closes a client that takes
   * nothing at all with 4008.
   * @throws the signal's reason when it aborts, as it does when the socket closes; and where the goodbye was said
   */
  drained(signal: AbortSignal): Promise<void> {
    return drained(this.outbox, signal);
  }

  /** Says goodbye, after all that is on its way to the client. Safe to call twice: the first goodbye is said. */
  close(code: CloseCode, reason: string): void {
    this.outbox.close(code, reason);
  }

  /** Where this client stands, given where the gateway stands. */
  positions(routed: Iterable<RoutedUpTo>): Positions {
    const positions: Record<string, Record<string, string>> = {};
    for (const [topic, partition, offset] of routed) {
      // Found while this client catches up: nothing of it is on its way yet.
      if (this.recovering && !this.done.has(`${topic}/${partition}`)) continue;
      (positions[topic] ??= {})[partition] = String(this.position(topic, partition, offset));
    }
    return positions;
  }
}

/** One of the gateway's own frames; `id` is the client's, echoed. */
export function frameOf<E extends keyof GatewayFrames>(event: E, data: GatewayFrames[E], id?: string): Buffer {
  const frame: Frame = { event, data, ...(id !== undefined && { id }) };
  return wireFrame(JSON.stringify(frame));
}
