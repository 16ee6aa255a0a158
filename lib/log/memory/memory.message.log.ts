import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers';
import { Logger } from '@nestjs/common';
import type { LogPosition, OutgoingRecord, RecordBatch } from '../../message/record.js';
import { abortable } from '../abortable.js';
import { partitionOf } from '../key.partitioner.js';
import { LogUnavailableError, RecordRefusedError } from '../log.errors.js';
import { MemoryLogOptions } from '../log.options.js';
import { LogTroubles } from '../log.troubles.js';
import { OpenSubscriptions } from '../open.subscriptions.js';
import type {
  GroupMember,
  LogRange,
  MessageLog,
  PartitionOffsets,
  Subscription,
  Tail,
  TailOptions,
} from '../message.log.js';
import { MemoryBroker } from './memory.broker.js';
import type { MemoryPartition } from './memory.partition.js';
import { MemoryTail } from './memory.tail.js';

/** Records that {@link MemoryMessageLog.read} yields at once. */
const BATCH = 500;

/**
 * The log that lives in the process, for development and tests. What it holds outlives `close`, so an application may go and
 * another come. Several applications share it either as one instance (the last `close` stops what reads) or, as with a Kafka,
 * by instances of their own on one {@link MemoryBroker}.
 */
export class MemoryMessageLog implements MessageLog {
  private readonly troubles = new LogTroubles(new Logger(MemoryMessageLog.name));
  private readonly subscriptions = new OpenSubscriptions();
  private closing = new AbortController();
  private connections = 0;
  /** Records without a key go round. */
  private turn = 0;

  constructor(
    options = new MemoryLogOptions(),
    private readonly broker = new MemoryBroker(options),
  ) {}

  get clusterId(): string {
    return this.broker.id;
  }

  get trouble(): string | undefined {
    return this.connections > 0 ? this.troubles.first : 'The in-memory log is not connected.';
  }

  connect(): Promise<void> {
    if (this.connections++ === 0) this.closing = new AbortController();
    setMaxListeners(0, this.closing.signal); // each read under way is one
    return Promise.resolve();
  }

  async close(): Promise<void> {
    if (this.connections > 0) this.connections--;
    if (this.connections > 0) return;
    this.closing.abort(new LogUnavailableError('The in-memory log was closed.', false));
    await this.subscriptions.stopAll();
  }

  async ensureTopics(topics: readonly string[]): Promise<void> {
    this.checkOpen();
    this.broker.createTopics(topics);
  }

  async partitionFor(topic: string, key: string): Promise<number> {
    this.checkOpen();
    return partitionOf(key, this.broker.partitionsOf(topic).length);
  }

  async publish(record: OutgoingRecord): Promise<LogPosition> {
    this.checkOpen();
    const { topic } = record;
    const partition = this.choosePartition(record);
    const offset = partition.append(record);
    return { topic, partition: partition.partition, offset };
  }

  async offsets(topic: string, partitions?: readonly number[]): Promise<PartitionOffsets[]> {
    this.checkOpen();
    const all = this.broker.partitionsOf(topic).map(({ partition, start, end }) => ({ partition, start, end }));
    return partitions ? all.filter(({ partition }) => partitions.includes(partition)) : all;
  }

  async offsetsAt(
    topic: string,
    timestamp: number,
    partitions?: readonly number[],
  ): Promise<ReadonlyMap<number, bigint>> {
    this.checkOpen();
    const all = this.broker.partitionsOf(topic);
    const wanted = partitions ? all.filter(({ partition }) => partitions.includes(partition)) : all;
    return new Map(wanted.map((one) => [one.partition, one.firstAt(timestamp)]));
  }

  async consume(
    group: string,
    topics: readonly string[],
    member: GroupMember,
    signal?: AbortSignal,
  ): Promise<Subscription> {
    this.checkOpen();
    signal?.throwIfAborted();
    for (const topic of topics) this.broker.partitionsOf(topic);
    return this.subscriptions.add(this.broker.group(group).join([...new Set(topics)], member, this.troubles));
  }

  async tail(options: TailOptions): Promise<Tail> {
    this.checkOpen();
    const partitions = [...new Set(options.topics)].flatMap((topic) => this.broker.partitionsOf(topic));
    const tail = new MemoryTail(partitions, options, this.troubles);
    return { ...this.subscriptions.add(tail), caughtUp: tail.caughtUp };
  }

  async *read({ topic, partition, from, to }: LogRange, signal?: AbortSignal): AsyncIterable<RecordBatch> {
    this.checkOpen();
    const signals = signal ? [signal, this.closing.signal] : [this.closing.signal];
    const source = this.partition(topic, partition);
    let next = from > source.start ? from : source.start;
    while (next < to) {
      await abortable(signals, nextTurn);
      if (next >= source.end) await somethingNew(source, signals);
      const batch = source.read(next, Math.min(BATCH, Number(to - next)));
      next = batch.next;
      if (batch.records.length > 0 && batch.records[0]!.offset < to) yield cut(batch, to);
    }
  }

  private checkOpen(): void {
    if (this.connections > 0) return;
    throw new LogUnavailableError(
      'The in-memory log is not connected: call connect first, and nothing after close.',
      false,
    );
  }

  private choosePartition({ topic, partition, key }: OutgoingRecord): MemoryPartition {
    if (partition !== undefined) return this.partition(topic, partition);
    const partitions = this.broker.partitionsOf(topic);
    return partitions[key === null ? this.turn++ % partitions.length : partitionOf(key, partitions.length)]!;
  }

  private partition(topic: string, partition: number): MemoryPartition {
    const partitions = this.broker.partitionsOf(topic);
    const found = partitions[partition];
    if (found) return found;
    throw new RecordRefusedError(
      `Topic "${topic}" has ${partitions.length} partitions, and none is number ${partition}.`,
    );
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function somethingNew(source: MemoryPartition, signals: readonly AbortSignal[]): Promise<void> {
  let wakeUp!: () => void;
  const woken = new Promise<void>((resolve) => (wakeUp = resolve));
  using _listening = source.onAppend(wakeUp);
  await abortable(signals, () => woken);
}

/** What lies within a range: retention may have moved the beginning past its end meanwhile. */
function cut(batch: RecordBatch, to: bigint): RecordBatch {
  if (batch.next <= to) return batch;
  return { ...batch, records: batch.records.filter(({ offset }) => offset < to), next: to };
}
