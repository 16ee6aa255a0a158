import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import type { RecoveryReason } from '../../protocol/frames.js';
import type { RequestLedger } from '../request/request.ledger.js';
import type { Delivery } from '../routing/delivery.js';
import { firstAt } from '../routing/offset.search.js';
import type { RoutedRecord, RoutedResult } from '../routing/routed.record.js';
import { FrameRun } from '../socket/frame.run.js';
import type { Session } from '../socket/session.js';
import type { LogChunk } from './log.chunk.js';
import { layOutNeighbours } from './neighbours.js';
import type { MissedPartition, Place, RecoveryPlan } from './recovery.plan.js';
import { Step } from './step.js';

/** Requests of which it is remembered that their outcome was sent; a second terminal record comes soon after the first. */
const MAX_ENDED = 10_000;

/** Some records of a partition in offset order, and the first offset behind them. */
export type Missed = Pick<LogChunk, 'records' | 'next'>;

/** One client that catches up: what it gets of missed records, and what it is told about that. */
export class RecoveringClient {
  private readonly logger = new Logger(RecoveringClient.name);
  private readonly counts = new Map<string, number>();
  private readonly reasons: Map<string, RecoveryReason | undefined>;
  private readonly partitions: ReadonlyMap<string, MissedPartition>;
  /** Topics of which it was told that something is left out, and why. */
  private readonly told = new Map<string, RecoveryReason>();
  /** Requests whose outcome was sent. */
  private readonly ended = new Set<string>();
  private readonly run = new FrameRun((frames) => this.session.sendRecovered(frames));

  constructor(
    readonly session: Session,
    private readonly plan: RecoveryPlan,
    private readonly delivery: Delivery,
    private readonly ledger: RequestLedger,
  ) {
    this.reasons = new Map(plan.topics);
    this.partitions = new Map(plan.missed.map((one) => [`${one.topic}/${one.partition}`, one]));
  }

  /** Partitions of which it asked for what it missed. */
  get missed(): readonly MissedPartition[] {
    return this.plan.missed;
  }

  /** What lies before it in a partition comes before `recovered`. */
  endOf({ topic, partition }: Place): bigint {
    return this.partitions.get(`${topic}/${partition}`)?.end ?? 0n;
  }

  /**
   * Sends what is for this client from an offset on, and notes how far it came.
   * @returns whether that was all; else the step was long enough
   */
  take({ topic, partition }: Place, from: bigint, { records, next }: Missed, step = new Step()): boolean {
    const newest = firstAt(records, this.partitions.get(`${topic}/${partition}`)?.eventsFrom ?? 0n);
    const first = firstAt(records, from);
    layOutNeighbours(this.session, records, first);
    for (let index = first; index < records.length; index++) {
      const record = records[index]!;
      if (!step.ends(this.offer(record, index < newest))) continue;
      this.run.flush();
      this.session.passed(topic, partition, record.offset);
      return false;
    }
    this.run.flush();
    this.session.passed(topic, partition, next - 1n);
    return true;
  }

  /**
   * Records of a topic are gone before the client got them.
   * @throws where it is not told how the topic was recovered: it named no positions of it, and will, when it comes back
   */
  lost(topic: string): void {
    if (!this.reasons.has(topic)) throw new Error(`records of "${topic}" were lost before they could be delivered`);
    this.leaveOut(topic, 'retention');
  }

  /** Tells what is known to be left out, before anything is sent. */
  begin(): void {
    for (const [topic, reason] of this.plan.topics) if (reason === 'retention') this.leaveOut(topic, reason);
  }

  /** What was sent of each topic, and whether it was all. */
  *outcomes(): Iterable<{ topic: string; complete: boolean; reason?: RecoveryReason; count: number }> {
    for (const [topic, reason] of this.reasons) {
      yield { topic, complete: reason === undefined, ...(reason && { reason }), count: this.counts.get(topic) ?? 0 };
    }
  }

  /** @returns the bytes that were sent. Never throws: whatever stands in the log, the next record must be reached. */
  private offer(record: RoutedRecord, isOld: boolean): number {
    try {
      return this.send(record, isOld);
    } catch (error) {
      const { topic, partition, offset } = record;
      this.logger.error(`The record at ${topic}/${partition}/${offset} was not recovered: ${messageOf(error)}`);
      return 0;
    }
  }

  /** @param isOld whether it lies before the newest, of which alone events are replayed */
  private send(record: RoutedRecord, isOld: boolean): number {
    const { topic } = record;
    const isLeftOut = isOld && record.kind === 'event';
    if (isLeftOut && this.told.has(topic)) return 0; // incomplete already
    const frame = this.delivery.frameFor(this.session, record);
    if (frame === undefined) return 0;
    if (isLeftOut) {
      this.leaveOut(topic, 'limit');
      return 0;
    }
    if (record.kind === 'result' && !this.isOutcome(record)) return 0;
    this.run.add(frame);
    this.counts.set(topic, (this.counts.get(topic) ?? 0) + 1);
    return frame.length;
  }

  /** Tells it before anything that lies behind the gap: a client that is cut off then goes on behind it, at a gateway that sees none. */
  private leaveOut(topic: string, reason: RecoveryReason): void {
    const known = this.reasons.get(topic);
    if (known === undefined || known === 'limit') this.reasons.set(topic, reason);
    const told = this.told.get(topic);
    if (told === reason || told === 'retention') return; // which says more than `limit`: results may be missing, too
    this.told.set(topic, reason);
    this.run.flush();
    this.session.send('incomplete', { topic, reason });
  }

  /** Whether a terminal record is the first of its request, as far as the ledger reaches and beyond. */
  private isOutcome({ identity, topic, partition, offset }: RoutedResult): boolean {
    const first = this.ledger.get(identity)?.outcome;
    // The ledger may have begun behind the first one.
    if (first && (first.topic !== topic || first.partition !== partition || first.offset < offset)) return false;
    if (this.ended.has(identity)) return false;
    for (const oldest of this.ended) {
      if (this.ended.size < MAX_ENDED) break;
      this.ended.delete(oldest);
    }
    this.ended.add(identity);
    return true;
  }
}
