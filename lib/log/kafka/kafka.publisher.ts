import { setMaxListeners } from 'node:events';
import type { KafkaSocketError } from '../../kafka-socket.error.js';
import type { LogPosition, OutgoingRecord } from '../../message/record.js';
import { LogUnavailableError, MissingTopicsError, RecordRefusedError } from '../log.errors.js';
import type { KafkaOptions } from '../log.options.js';
import type { LogTroubles } from '../log.troubles.js';
import { Backoff } from './backoff.js';
import { isMissingTopic, reasonOf, typeOf } from './kafka.failure.js';
import type { KafkaProducer, Produced } from './kafka.producer.js';
import { type PartitionBatch, PartitionQueue } from './partition.queue.js';
import type { PendingRecord } from './pending.record.js';
import { PublishBounds } from './publish.bounds.js';
import { RecordRouter } from './partition.chooser.js';
import type { TopicCatalog } from './topic.catalog.js';

/** How long a shutdown waits for acknowledgements at most, in milliseconds. */
const DRAIN_LIMIT = 5_000;
/** Bytes of one request, beyond which what waits goes with the next: a broker hangs up on one of `socket.request.max.bytes`, 100 MiB by default. */
const REQUEST_BYTES = 16 * 1024 * 1024;
/** What a broker answers that may have written it. */
const DOUBTFUL = new Set(['REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND']);
/** What no other attempt will change. */
const REFUSALS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'POLICY_VIOLATION',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
]);

/**
 * Writes records. One request at a time is on its way to each broker, and all that queues meanwhile goes into the next, so that
 * requests grow with the load and none waits for company. Records wait in our queues, never in kafkajs: what waits was not
 * sent, and what kafkajs was given once, and did not see acknowledged, may have been. A broker that does not answer is left
 * alone for a while; a partition of which it says that it cannot be written now is, and no other.
 */
export class KafkaPublisher {
  private readonly bounds: PublishBounds;
  private readonly router: RecordRouter;
  private readonly queues = new Map<string, PartitionQueue>();
  private readonly ready = new Set<PartitionQueue>();
  /** Leaders that a request is on its way to, or that are left alone for a while. */
  private readonly busy = new Set<number>();
  /** Queues whose last attempt went wrong. */
  private readonly failing = new Set<PartitionQueue>();
  private readonly backoffs = new Map<number | PartitionQueue, Backoff>();
  private readonly closing = new AbortController();
  private scheduled = false;
  private closed = false;

  constructor(
    private readonly producer: KafkaProducer,
    private readonly catalog: TopicCatalog,
    private readonly options: KafkaOptions,
    private readonly troubles: LogTroubles,
  ) {
    setMaxListeners(0, this.closing.signal); // each topic that is looked for, and each broker that is left alone, is one
    const enqueue = (record: PendingRecord, partition: number): void => this.enqueue(record, partition);
    this.router = new RecordRouter(catalog, troubles, this.closing.signal, enqueue);
    this.bounds = new PublishBounds(
      options,
      (record) => this.letGo(record),
      () => troubles.first,
    );
  }

  /** See {@link MessageLog.publish}. */
  async publish(record: OutgoingRecord): Promise<LogPosition> {
    if (this.closed) throw new LogUnavailableError('The log is closed, so nothing can be published any more.', false);
    const pending = this.bounds.admit(record);
    this.router.route(pending);
    return pending.written;
  }

  /** Takes nothing more, waits for what is on its way (bounded), and gives up the rest. Safe to call twice. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.bounds.drain(Math.min(this.options.publishTimeout, DRAIN_LIMIT));
    this.closing.abort();
  }

  private enqueue(record: PendingRecord, partition: number): void {
    const key = `${record.topic}/${partition}`;
    let queue = this.queues.get(key);
    if (!queue) this.queues.set(key, (queue = new PartitionQueue(record.topic, partition)));
    queue.push(record);
    if (!queue.inFlight) this.ready.add(queue);
    this.schedule();
  }

  private letGo({ topic }: PendingRecord): void {
    this.router.dropSettled(topic);
    for (const queue of this.queues.values()) if (queue.topic === topic) queue.dropSettled();
  }

  /** Sends at the end of this turn, so that what is published in one turn goes together. */
  private schedule(): void {
    if (this.scheduled || this.ready.size === 0 || this.closing.signal.aborted) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    const byLeader = new Map<number, PartitionQueue[]>();
    for (const queue of this.ready) {
      const leader = this.catalog.peek(queue.topic)?.leaders[queue.partition];
      if (!queue.hasWork) {
        this.ready.delete(queue);
        this.recovered(queue);
      } else if (leader === undefined) void this.restAlone(queue, new Error('a partition has no leader'));
      else if (!this.busy.has(leader)) byLeader.set(leader, [...(byLeader.get(leader) ?? []), queue]);
    }
    for (const [leader, queues] of byLeader) void this.run(leader, queues);
  }

  /** One request to one broker, and the pause after it where no answer came. */
  private async run(leader: number, queues: readonly PartitionQueue[]): Promise<void> {
    this.busy.add(leader);
    const batches = this.take(queues);
    const produced = await this.send(leader, batches).catch((error: unknown) => ({ error }));
    if ('error' in produced) await this.restAll(leader, batches, produced.error);
    else this.settleAll(leader, batches, produced);
    this.busy.delete(leader);
    this.schedule();
  }

  /** As much as one request may hold, from those first that have waited longest. */
  private take(queues: readonly PartitionQueue[]): PartitionBatch[] {
    const batches: PartitionBatch[] = [];
    let bytes = 0;
    for (const queue of queues) {
      if (bytes >= REQUEST_BYTES) break;
      this.hold(queue);
      const batch = queue.take();
      for (const record of batch.records) bytes += record.bytes;
      batches.push(batch);
    }
    return batches;
  }

  private hold(queue: PartitionQueue): void {
    queue.inFlight = true;
    this.ready.delete(queue);
  }

  private free(queue: PartitionQueue): void {
    queue.inFlight = false;
    if (queue.hasWork) this.ready.add(queue);
  }

  private send(leader: number, batches: readonly PartitionBatch[]): Promise<Produced[]> {
    for (const { records } of batches) for (const record of records) record.sent = true;
    const sent = batches.map(({ queue: { topic, partition }, records }) => ({
      topic,
      partition,
      contents: records.map(({ content }) => content),
    }));
    return this.producer.send(leader, sent);
  }

  private settleAll(leader: number, batches: readonly PartitionBatch[], produced: readonly Produced[]): void {
    this.backoffs.delete(leader);
    for (const [index, batch] of batches.entries()) this.settle(batch, produced[index]!);
  }

  /** The order of a partition's records is kept, so that each stands at the first one's offset plus its index. */
  private settle(batch: PartitionBatch, produced: Produced): void {
    const { queue } = batch;
    if ('offset' in produced) queue.written(batch, produced.offset);
    else if (REFUSALS.has(typeOf(produced.error) ?? '')) this.refuse(batch, reasonOf(produced.error));
    else return this.putBack(batch, produced.error);
    this.free(queue);
    this.recovered(queue);
  }

  private putBack(batch: PartitionBatch, error: Error): void {
    if (DOUBTFUL.has(typeOf(error) ?? '')) doubt(batch);
    batch.queue.putBack(batch);
    void this.restAlone(batch.queue, error);
  }

  private refuse(batch: PartitionBatch, reason: string): void {
    const [record, ...others] = batch.records;
    if (others.length > 0) batch.queue.separate(batch);
    else batch.queue.refused(batch, refusal(record!, batch.queue.partition, reason));
  }

  /** No answer came from a broker. */
  private async restAll(leader: number, batches: readonly PartitionBatch[], error: unknown): Promise<void> {
    for (const batch of batches) {
      doubt(batch);
      batch.queue.putBack(batch);
      this.free(batch.queue); // another broker may lead it by now
    }
    const queues = batches.map(({ queue }) => queue);
    await this.rest(leader, queues, reasonOf(error));
    for (const queue of queues) if (!queue.inFlight && !queue.hasWork) this.recovered(queue);
  }

  /** One partition cannot be written now. */
  private async restAlone(queue: PartitionQueue, problem: Error): Promise<void> {
    this.hold(queue);
    if (isMissingTopic(problem)) await this.dropMissing(queue.topic);
    if (queue.hasWork) await this.rest(queue, [queue], reasonOf(problem));
    this.free(queue);
    if (!queue.hasWork) this.recovered(queue);
    this.schedule();
  }

  private async dropMissing(topic: string): Promise<void> {
    const missing = await this.catalog.confirm(topic).catch((error: unknown) => error);
    if (!(missing instanceof MissingTopicsError)) return;
    for (const queue of this.queues.values()) if (queue.topic === topic) queue.refuseAll(missing);
  }

  /** Says what is wrong, and hands kafkajs nothing for them until brokers answer again: what waits here was not sent. */
  private async rest(whom: number | PartitionQueue, queues: readonly PartitionQueue[], problem: string): Promise<void> {
    const { signal } = this.closing;
    const backoff = this.backoffs.get(whom) ?? new Backoff();
    this.backoffs.set(whom, backoff);
    for (const queue of queues) this.failing.add(queue);
    this.troubles.report('publishing', `Records cannot be written to Kafka now: ${problem}`);
    const topics = new Set(queues.map(({ topic }) => topic));
    for (let answered = false; !answered && !signal.aborted;) {
      await backoff.pause(signal);
      answered = await this.refresh(topics);
    }
  }

  private async refresh(topics: ReadonlySet<string>): Promise<boolean> {
    const asked = await Promise.allSettled([...topics].map((topic) => this.catalog.refresh(topic)));
    return asked.some((one) => one.status === 'fulfilled' || one.reason instanceof MissingTopicsError);
  }

  /** It was written, or nothing is left of it. */
  private recovered(queue: PartitionQueue): void {
    this.backoffs.delete(queue);
    if (this.failing.delete(queue) && this.failing.size === 0) this.troubles.clear('publishing');
  }
}

/** Nobody knows whether it was written. */
function doubt({ records }: PartitionBatch): void {
  for (const record of records) record.doubtful = true;
}

/** Where an earlier attempt may have written it, the refusal of this one is no proof that it is not there. */
function refusal({ topic, bytes, doubtful }: PendingRecord, partition: number, reason: string): KafkaSocketError {
  const what = `Kafka refused a record of ${bytes} bytes for topic "${topic}", partition ${partition}: ${reason}`;
  if (!doubtful) return new RecordRefusedError(what);
  return new LogUnavailableError(
    `${what}. An earlier attempt had no answer, so it may have been written all the same.`,
    true,
  );
}
