import type { RecordBatch } from '../../message/record.js';
import { abortable } from '../abortable.js';
import { RecordRefusedError } from '../log.errors.js';
import type { LogRange } from '../message.log.js';
import { Backoff } from './backoff.js';
import { recordBatchOf } from './kafka.records.js';
import { outOfRange } from './kafka.failure.js';
import type { ReadingCluster } from './reading.cluster.js';

/** What a fetch brings at least, and for each record of a range, up to `fetchBytes`: a short range needs no megabyte. */
const LEAST_BYTES = 16 * 1024;
const BYTES_A_RECORD = 1024;
/** Longest pause before it is looked again whether something was written, in milliseconds. */
const LONGEST_PAUSE = 500;

/** Reads stretches of partitions, many at the same time over the same connections. */
export class KafkaRangeReader {
  /** Fetches from one broker take turns: they share its connection, which kafkajs would open once for each of them. */
  private readonly turns = new Map<number, Promise<void>>();

  constructor(
    private readonly cluster: ReadingCluster,
    private readonly fetchBytes: number,
  ) {}

  /** See {@link MessageLog.read}. */
  async *read(range: LogRange, signal?: AbortSignal): AsyncIterable<RecordBatch> {
    const signals = signal ? [signal, this.cluster.signal] : [this.cluster.signal];
    const { topic, to } = range;
    const backoff = new Backoff(LONGEST_PAUSE);
    let next = range.from;
    while (next < to) {
      const position = next;
      const batch = await abortable(signals, () => this.cluster.patiently(topic, () => this.fetch(range, position)));
      next = batch.next;
      if (next === position) await abortable(signals, () => backoff.pause(signal ?? this.cluster.signal));
      else backoff.reset();
      if (next > position) yield cut(batch, to);
    }
  }

  private async fetch(
    { topic, partition, to, bytes = this.fetchBytes }: LogRange,
    position: bigint,
  ): Promise<RecordBatch> {
    const leader = this.cluster.leaderOf({ topic, partition }) ?? (await this.seekLeader(topic, partition));
    const wanted = Math.min(Number(to - position), this.fetchBytes) * BYTES_A_RECORD;
    const maxBytes = Math.min(LEAST_BYTES + wanted, this.fetchBytes, bytes);
    try {
      const [batch] = await this.takeTurn(leader, () =>
        this.cluster.fetch(leader, [{ topic, partition, position, maxBytes }], 0),
      );
      return recordBatchOf(batch!, position);
    } catch (error) {
      if (!outOfRange(error)) throw error;
      return { topic, partition, records: [], next: await this.startAbove(topic, partition, position) };
    }
  }

  /** Where retention has moved the start to; or the position itself, which is then not written yet. */
  private async startAbove(topic: string, partition: number, position: bigint): Promise<bigint> {
    const [held] = await this.cluster.offsets(topic, [partition]);
    return held!.start > position ? held!.start : position;
  }

  private takeTurn<T>(leader: number, work: () => Promise<T>): Promise<T> {
    const turn = (this.turns.get(leader) ?? Promise.resolve()).then(work, work);
    const ended = (): void => undefined; // what was fetched is not kept until the next turn
    this.turns.set(leader, turn.then(ended, ended));
    return turn;
  }

  private async seekLeader(topic: string, partition: number): Promise<number> {
    await this.cluster.refresh();
    const leader = this.cluster.leaderOf({ topic, partition });
    if (leader !== undefined) return leader;
    const partitions = this.cluster.partitionsOf(topic);
    if (partitions.includes(partition)) throw new Error(`${topic}/${partition} has no leader`);
    throw new RecordRefusedError(
      `Topic "${topic}" has ${partitions.length} partitions, and none is number ${partition}.`,
    );
  }
}

/** What lies within a range. */
function cut(batch: RecordBatch, to: bigint): RecordBatch {
  if (batch.next <= to) return batch;
  return { ...batch, records: batch.records.filter(({ offset }) => offset < to), next: to };
}
