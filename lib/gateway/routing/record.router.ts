import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import type { LogRange } from '../../log/message.log.js';
import { messageTypeOf } from '../../message/message.type.js';
import { isRootCommand } from '../../message/outcome.rule.js';
import type { LogPosition, LogRecord, RecordBatch } from '../../message/record.js';
import { CloseCode } from '../../protocol/close-codes.js';
import { requestIdentity } from '../../message/request.identity.js';
import type { BroadcastRules } from './broadcast.rules.js';
import type { Delivery } from './delivery.js';
import type { GatewayMetrics } from '../gateway.metrics.js';
import { ProgressTeller } from './progress.teller.js';
import { classify, idOf, readCrumbs } from './record.classifier.js';
import type { RecordRing } from './record.ring.js';
import type { RequestLedger } from '../request/request.ledger.js';
import type { RoutedEvent, RoutedRecord, RoutedResult } from './routed.record.js';
import type { RoutedUpTo } from '../socket/session.js';
import { FrameSlab } from '../socket/frame.slab.js';
import type { SessionRegistry } from '../socket/session.registry.js';

interface Cursor {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the next record to be routed. */
  next: bigint;
  /** Where the frames of its records lie: who catches up takes them in their order. */
  readonly slab: FrameSlab;
}

/** Told that a request has its outcome. */
export type OnDecided = (identity: string) => void;

/**
 * Takes every record that the log holds, in order, decides by its headers whether any client can want it, and hands it to
 * those who are here. All of it happens within one turn of the event loop for each batch, so that a position that is told to a
 * client never runs ahead of the frames before it.
 */
export class RecordRouter {
  private readonly logger = new Logger(RecordRouter.name);
  private readonly cursors = new Map<string, Cursor>();
  private readonly progress: ProgressTeller;
  /** Set by whoever guards requests with a backstop. */
  onDecided: OnDecided = () => undefined;

  constructor(
    private readonly rules: BroadcastRules,
    private readonly ring: RecordRing,
    private readonly ledger: RequestLedger,
    private readonly sessions: SessionRegistry,
    private readonly delivery: Delivery,
    private readonly metrics: GatewayMetrics,
  ) {
    this.progress = new ProgressTeller(sessions, ledger, (message) => this.logger.warn(message));
  }

  /** Makes a partition known before its first record: what is routed begins at `next`. */
  open(topic: string, partition: number, next: bigint): void {
    this.cursors.set(`${topic}/${partition}`, { topic, partition, next, slab: new FrameSlab() });
    this.ring.open(topic, partition, next);
  }

  /** The last offset that was routed, for each partition; -1 where nothing was. */
  *routed(): IterableIterator<RoutedUpTo> {
    for (const { topic, partition, next } of this.cursors.values()) yield [topic, partition, next - 1n];
  }

  /** Offset of the next record to be routed; undefined for a partition that is not known. */
  next(topic: string, partition: number): bigint | undefined {
    return this.cursors.get(`${topic}/${partition}`)?.next;
  }

  /** Routes a batch of the live log. */
  readonly route = (batch: RecordBatch): void => {
    const { topic, partition } = batch;
    const first = batch.records[0]?.offset ?? batch.next;
    if (!this.cursors.has(`${topic}/${partition}`)) this.open(topic, partition, first);
    const cursor = this.cursors.get(`${topic}/${partition}`)!;
    let discards = 0;
    for (const record of batch.records) if (!this.routeOne(record, cursor.slab)) discards++;
    this.metrics.discarded(discards);
    if (batch.next > cursor.next) cursor.next = batch.next;
  };

  /**
   * Goes on behind what the log lost before it was routed here. Nobody knows what it was, so all who are live have to come back:
   * then they are told that they miss something, or, where they had it from another gateway, are not. Who catches up meets the
   * gap by itself.
   */
  readonly lose = ({ topic, partition, to }: LogRange): void => {
    this.open(topic, partition, to);
    for (const session of this.sessions) {
      if (session.live)
        session.close(CloseCode.insufficientState, 'the log lost records before they were delivered: reconnect');
    }
  };

  /**
   * Never throws: whatever stands in the log, the next record must be reached.
   * @returns whether it is something to any client
   */
  private routeOne(record: LogRecord, slab: FrameSlab): boolean {
    try {
      const type = messageTypeOf(record.headers);
      if (!type) return this.progress.tell(record); // else not ours
      if (type.kind === 'command') {
        this.noteCommand(record);
        return false;
      }
      const routed = classify(record, this.rules, slab, type);
      if (!routed || (routed.kind === 'result' && !this.decides(routed))) return false;
      this.ring.add(routed);
      this.deliver(routed);
      return true;
    } catch (error) {
      const { topic, partition, offset } = record;
      this.logger.error(`The record at ${topic}/${partition}/${offset} was passed by: ${messageOf(error)}`);
      return false;
    }
  }

  private noteCommand(record: LogRecord): void {
    const crumbs = readCrumbs(record);
    // A command that follows from another carries the same request, but is not the request.
    if (!crumbs || !isRootCommand({ id: idOf(record), breadCrumbs: crumbs })) return;
    const identity = requestIdentity(crumbs);
    if (identity !== undefined) this.ledger.noteCommand(identity, placeOf(record));
  }

  /** Notes an outcome. The first terminal record won; of any later one this says false. */
  private decides(result: RoutedResult): boolean {
    this.onDecided(result.identity);
    return this.ledger.noteOutcome(result.identity, placeOf(result));
  }

  private deliver(record: RoutedRecord): void {
    const count = record.kind === 'result' ? this.deliverResult(record) : this.broadcast(record);
    if (count > 0) this.metrics.delivered(record.kind, count);
  }

  private deliverResult(result: RoutedResult): number {
    let count = 0;
    for (const session of this.sessions.withId(result.owner.sessionId)) {
      const frame = session.takes(result) && this.delivery.frameFor(session, result);
      if (!frame) continue;
      session.sendLive(frame);
      count++;
    }
    return count;
  }

  /** The inner loop runs for every event and client: whatever is not about the client is done outside of it. */
  private broadcast(event: RoutedEvent): number {
    let count = 0;
    for (const sessions of this.sessions.wanting(event.topic, event.type)) {
      for (const session of sessions) {
        if (!session.takes(event) || !this.delivery.mayRead(session, event)) continue;
        session.sendLive(event.frame);
        count++;
      }
    }
    return count;
  }
}

function placeOf({ topic, partition, offset }: LogPosition): LogPosition {
  return { topic, partition, offset };
}
