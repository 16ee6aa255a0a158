import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import type { LogRange, MessageLog, PartitionOffsets } from '../../log/message.log.js';
import type { RecordBatch } from '../../message/record.js';
import type { Positions, RecoveryReason } from '../../protocol/frames.js';
import { CloseCode } from '../../protocol/close-codes.js';
import type { BroadcastRules } from '../routing/broadcast.rules.js';
import type { Delivery } from '../routing/delivery.js';
import type { GatewayMetrics } from '../gateway.metrics.js';
import { classify } from '../routing/record.classifier.js';
import type { RecordRing } from '../routing/record.ring.js';
import type { RecordRouter } from '../routing/record.router.js';
import type { RequestLedger } from '../request/request.ledger.js';
import { samePlace } from '../request/request.ledger.js';
import type { RoutedRecord } from '../routing/routed.record.js';
import type { Semaphore } from './semaphore.js';
import type { Session } from '../socket/session.js';

/** What is taken from the ring between two looks at whether the socket has drained: records, and bytes. */
const CHUNK = 256;
const CHUNK_BYTES = 256 * 1024;

type Send = (record: RoutedRecord) => void;

/** What one session asked for, and how far it came. */
export interface RecoveryPlan {
  /** For each partition the last offset that the client is done with. */
  readonly from: ReadonlyMap<string, bigint>;
  readonly topics: readonly TopicRecovery[];
}

interface TopicRecovery {
  readonly topic: string;
  reason?: RecoveryReason;
  count: number;
  /** Events below it are left out, by partition: there are more than `limits.replay`. */
  readonly eventsFrom: ReadonlyMap<number, bigint>;
}

/**
 * Brings a client that was away up to date: from the log as far as the ring does not reach, then from the ring, and the last
 * stretch and the change to live delivery within one turn of the event loop, in which nothing else can be routed. So there
 * is no gap, no duplicate, and nothing to hold back.
 */
export class Recovery {
  private readonly logger = new Logger(Recovery.name);

  constructor(
    private readonly log: MessageLog,
    private readonly ring: RecordRing,
    private readonly router: RecordRouter,
    private readonly ledger: RequestLedger,
    private readonly rules: BroadcastRules,
    private readonly delivery: Delivery,
    private readonly turns: Semaphore,
    private readonly topics: readonly string[],
    private readonly replay: number,
    private readonly metrics: GatewayMetrics,
  ) {}

  /**
   * Compares what a client is done with with what the log holds now.
   * @param sameLog whether the client's epoch is ours; of another log's positions none means anything
   */
  async plan(positions: Positions, sameLog: boolean): Promise<RecoveryPlan> {
    const from = new Map<string, bigint>();
    const topics = await Promise.all(
      Object.keys(positions).map((topic) => this.planTopic(topic, positions, sameLog, from)),
    );
    // Read after the last wait: what is routed from here on finds the session registered.
    for (const [topic, partition, offset] of this.router.routed()) {
      const key = `${topic}/${partition}`;
      if (!from.has(key)) from.set(key, offset);
    }
    return { from, topics };
  }

  /** Sends all that was missed, then `recovered` for each topic, then lets the session go live. */
  async run(session: Session, plan: RecoveryPlan, signal: AbortSignal): Promise<void> {
    const mine = new Set<string>();
    const send: Send = (record) => this.send(session, plan, mine, record);
    try {
      do {
        await this.fromLog(session, plan, send, signal);
        await this.fromRing(session, send, signal);
      } while (!this.finish(session, plan, send));
    } catch (error) {
      if (signal.aborted) return;
      this.logger.warn(`A recovery failed, so its client is told to reconnect: ${messageOf(error)}`);
      session.close(CloseCode.insufficientState, 'the log cannot be read now: reconnect');
    }
  }

  private async planTopic(
    topic: string,
    positions: Positions,
    sameLog: boolean,
    from: Map<string, bigint>,
  ): Promise<TopicRecovery> {
    const wanted = positions[topic]!;
    const eventsFrom = new Map<number, bigint>();
    const plan: TopicRecovery = { topic, count: 0, eventsFrom };
    if (!sameLog) return { ...plan, reason: 'epoch' };
    if (!this.topics.includes(topic)) return { ...plan, reason: 'retention' }; // nothing of it can be had here
    const held = await this.log.offsets(topic);
    for (const offsets of held) {
      const { done, reason } = resume(offsets, wanted[offsets.partition]);
      if (reason) plan.reason = reason;
      if (done === undefined) continue;
      from.set(`${topic}/${offsets.partition}`, done);
      if (offsets.end - done - 1n > this.replay) eventsFrom.set(offsets.partition, offsets.end - BigInt(this.replay));
    }
    if (Object.keys(wanted).some((partition) => !held.some((one) => one.partition === Number(partition))))
      plan.reason = 'future';
    return plan;
  }

  /** Reads what the ring no longer holds. */
  private async fromLog(session: Session, plan: RecoveryPlan, send: Send, signal: AbortSignal): Promise<void> {
    for (const [topic, partition] of this.router.routed()) {
      const from = this.nextFor(session, topic, partition);
      const to = this.ring.floor(topic, partition) ?? from;
      if (from >= to) continue;
      for await (const batch of this.fetched({ topic, partition, from, to }, signal)) {
        for (const record of batch.records) {
          const routedRecord = classify(record, this.rules);
          if (routedRecord) send(routedRecord);
        }
        session.passed(topic, partition, batch.next - 1n);
        await session.drained(signal);
      }
      session.passed(topic, partition, to - 1n);
      await this.noteRetention(plan, topic, partition, from);
    }
  }

  /** Reads a stretch, and holds a turn only while it fetches: a client that reads slowly must not keep others waiting. */
  private async *fetched(range: LogRange, signal: AbortSignal): AsyncIterable<RecordBatch> {
    const batches = this.log.read(range, signal)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { value, done } = await this.turns.run(signal, () => batches.next());
        if (done) return;
        yield value;
      }
    } finally {
      await batches.return?.();
    }
  }

  /** Looks once more after the reading: records may have been taken away while it waited for its turn. */
  private async noteRetention(plan: RecoveryPlan, topic: string, partition: number, from: bigint): Promise<void> {
    const wanted = plan.topics.find((one) => one.topic === topic);
    if (!wanted) return;
    const held = (await this.log.offsets(topic)).find((one) => one.partition === partition);
    if (held && held.start > from) wanted.reason = 'retention';
  }

  /** Sends what the ring holds, in chunks, until less than a chunk is left. */
  private async fromRing(session: Session, send: Send, signal: AbortSignal): Promise<void> {
    for (const [topic, partition] of this.router.routed()) {
      while (this.sendChunk(session, topic, partition, send) === 'more') await session.drained(signal);
    }
    await session.drained(signal);
  }

  /** One chunk of a partition. What is not in the ring any more is left to the next round through the log. */
  private sendChunk(session: Session, topic: string, partition: number, send: Send): 'more' | 'done' {
    const next = this.router.next(topic, partition)!;
    const from = this.nextFor(session, topic, partition);
    if (from >= next || from < this.ring.floor(topic, partition)!) return 'done';
    const records = this.ring.from(topic, partition, from, CHUNK);
    let bytes = 0;
    for (const record of records) {
      send(record);
      bytes += record.bytes;
      if (bytes < CHUNK_BYTES && record !== records[CHUNK - 1]) continue;
      session.passed(topic, partition, record.offset);
      return 'more';
    }
    session.passed(topic, partition, next - 1n);
    return 'done';
  }

  /**
   * The last stretch, without a pause: nothing is routed before the session is live.
   * @returns false where too much came meanwhile, or the ring has lost what is needed: another round
   */
  private finish(session: Session, plan: RecoveryPlan, send: Send): boolean {
    for (const [topic, partition] of this.router.routed()) {
      this.sendChunk(session, topic, partition, send);
      if (this.nextFor(session, topic, partition) < this.router.next(topic, partition)!) return false;
    }
    for (const { topic, reason, count } of plan.topics) {
      session.send('recovered', { topic, complete: reason === undefined, ...(reason && { reason }), count });
      this.metrics.recovered(reason ?? 'complete');
    }
    session.goLive();
    return true;
  }

  /** The next offset that a session needs; all of a partition that was found while it recovers. */
  private nextFor(session: Session, topic: string, partition: number): bigint {
    return session.position(topic, partition, (this.ring.floor(topic, partition) ?? 0n) - 1n) + 1n;
  }

  private send(session: Session, plan: RecoveryPlan, mine: Set<string>, record: RoutedRecord): void {
    const topic = plan.topics.find((one) => one.topic === record.topic);
    if (record.kind === 'event' && record.offset < (topic?.eventsFrom.get(record.partition) ?? 0n)) {
      if (session.wantsEvent(record.topic, record.type)) topic!.reason = 'limit';
      return;
    }
    const frame = this.delivery.frameFor(session, record);
    if (frame === undefined) return;
    if (record.kind === 'result' && !this.isOutcome(record.identity, record, mine)) return;
    session.sendRecovered(frame);
    if (topic) topic.count++;
  }

  /** Whether a terminal record is the first of its request, as far as the ledger reaches and beyond. */
  private isOutcome(identity: string, record: RoutedRecord, mine: Set<string>): boolean {
    const first = this.ledger.get(identity)?.outcome;
    if (first) return samePlace(first, record);
    if (mine.has(identity)) return false;
    mine.add(identity);
    return true;
  }
}

/** Where a partition is taken up again; `done` undefined: nothing is replayed there. */
function resume(held: PartitionOffsets, position: string | undefined): { done?: bigint; reason?: RecoveryReason } {
  // Not named, in a topic that is: it was added while the client was away, so all of it is new to the client.
  if (position === undefined) return { done: held.start - 1n };
  const done = BigInt(position);
  if (done >= held.end) return { reason: 'future' };
  if (done + 1n < held.start) return { done: held.start - 1n, reason: 'retention' };
  return { done };
}
