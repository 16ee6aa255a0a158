import { setMaxListeners } from 'node:events';
import type { RecordMetadata } from 'kafkajs';
import { messageOf } from '../../kafka-socket.error.js';
import type { LogPosition, OutgoingRecord } from '../../message/record.js';
import { LogUnavailableError, MissingTopicsError, RecordRefusedError } from '../log.errors.js';
import type { KafkaOptions } from '../log.options.js';
import type { LogTroubles } from '../log.troubles.js';
import { Backoff } from './backoff.js';
import { isMissingTopic, rootOf, typeOf } from './kafka.failure.js';
import type { KafkaProducer } from './kafka.producer.js';
import { type PartitionBatch, PartitionQueue } from './partition.queue.js';
import type { PendingRecord } from './pending.record.js';
import { PublishBounds } from './publish.bounds.js';
import { RecordRouter } from './partition.chooser.js';
import type { TopicCatalog } from './topic.catalog.js';

/** How long a shutdown waits for acknowledgements at most, in milliseconds. */
const DRAIN_LIMIT = 5_000;
const ALL_IN_SYNC_REPLICAS = -1;
/** Where records wait whose partition has no leader. */
const NO_LEADER = -1;
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
 * sent, and what kafkajs was given once, and did not see acknowledged, may have been.
 *
 * kafkajs makes one attempt: with more of them it skips brokers that have answered before, also where a partition has moved to
 * one of them, and reports those records as written.
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
  private readonly backoffs = new Map<number, Backoff>();
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
      const leader = this.catalog.peek(queue.topic)?.leaders[queue.partition] ?? NO_LEADER;
      if (!queue.hasWork) this.ready.delete(queue);
      else if (!this.busy.has(leader)) byLeader.set(leader, [...(byLeader.get(leader) ?? []), queue]);
    }
    for (const [leader, queues] of byLeader) void this.run(leader, queues);
  }

  /** One request to one broker, and the pause after it where something went wrong. */
  private async run(leader: number, queues: PartitionQueue[]): Promise<void> {
    this.busy.add(leader);
    const alone = queues.find((queue) => queue.goesAlone);
    const taken = (alone ? [alone] : queues).map((queue) => this.take(queue));
    const problem = leader === NO_LEADER ? this.returnAll(taken) : await this.send(taken);
    for (const { queue } of taken) this.free(queue);
    if (problem === undefined) this.recovered(leader, taken);
    else await this.rest(leader, taken, problem);
    this.busy.delete(leader);
    this.schedule();
  }

  private take(queue: PartitionQueue): PartitionBatch {
    queue.inFlight = true;
    this.ready.delete(queue);
    return queue.take();
  }

  private free(queue: PartitionQueue): void {
    queue.inFlight = false;
    if (queue.hasWork) this.ready.add(queue);
  }

  private returnAll(batches: readonly PartitionBatch[]): string {
    for (const batch of batches) batch.queue.putBack(batch);
    return 'a partition has no leader';
  }

  /** @returns what went wrong, where a pause is due before the next attempt */
  private async send(batches: readonly PartitionBatch[]): Promise<string | undefined> {
    for (const { records } of batches) for (const record of records) record.sent = true;
    try {
      const written = await this.producer.sendBatch({
        acks: ALL_IN_SYNC_REPLICAS,
        timeout: this.options.publishTimeout,
        topicMessages: batches.map(({ queue: { topic, partition }, records }) => ({
          topic,
          messages: records.map(({ message }) => ({ ...message, partition })),
        })),
      });
      return this.settle(batches, written);
    } catch (error) {
      return this.fail(batches, error);
    }
  }

  /** kafkajs keeps the order of a partition's records, so that each stands at the first one's offset plus its index. */
  private settle(batches: readonly PartitionBatch[], written: readonly RecordMetadata[]): string | undefined {
    let problem: string | undefined;
    for (const batch of batches) {
      const { queue } = batch;
      const place = written.find(
        ({ topicName, partition }) => topicName === queue.topic && partition === queue.partition,
      );
      if (place?.baseOffset !== undefined && place.errorCode === 0) {
        queue.written(batch, BigInt(place.baseOffset));
      } else {
        queue.putBack(batch);
        problem = `no answer for topic "${queue.topic}", partition ${queue.partition}`;
      }
    }
    return problem;
  }

  private async fail(batches: readonly PartitionBatch[], error: unknown): Promise<string | undefined> {
    const reason = [typeOf(error), messageOf(rootOf(error))].filter(Boolean).join(': ');
    const refused = REFUSALS.has(typeOf(error) ?? '');
    const alone = batches.length === 1 && batches[0]!.records.length === 1;
    for (const batch of batches) {
      if (!refused) batch.queue.putBack(batch);
      else if (alone) batch.queue.refused(batch, refusal(batch, reason));
      else batch.queue.separate(batch);
    }
    if (isMissingTopic(error)) await this.dropMissing(new Set(batches.map(({ queue }) => queue.topic)));
    return refused ? undefined : reason;
  }

  /** A topic was deleted: kafkajs learns nothing more of any other as long as it knows of it. */
  private async dropMissing(topics: ReadonlySet<string>): Promise<void> {
    for (const topic of topics) {
      const missing = await this.catalog.confirm(topic).catch((error: unknown) => error);
      if (!(missing instanceof MissingTopicsError)) continue;
      for (const queue of this.queues.values()) if (queue.topic === topic) queue.refuseAll(missing);
    }
    await this.producer.renew();
  }

  /** Says what is wrong, and hands kafkajs nothing until brokers answer again: what waits here was not sent. */
  private async rest(leader: number, taken: readonly PartitionBatch[], problem: string): Promise<void> {
    const { signal } = this.closing;
    const backoff = this.backoffs.get(leader) ?? new Backoff();
    this.backoffs.set(leader, backoff);
    for (const { queue } of taken) this.failing.add(queue);
    this.troubles.report('publishing', `Records cannot be written to Kafka now: ${problem}`);
    const topics = new Set(taken.map(({ queue }) => queue.topic));
    for (let answered = false; !answered && !signal.aborted;) {
      await backoff.pause(signal);
      answered = await this.refresh(topics);
    }
    this.recover(taken.map(({ queue }) => queue).filter((queue) => !queue.hasWork));
  }

  private async refresh(topics: ReadonlySet<string>): Promise<boolean> {
    const asked = await Promise.allSettled([...topics].map((topic) => this.catalog.refresh(topic)));
    return asked.some((one) => one.status === 'fulfilled' || one.reason instanceof MissingTopicsError);
  }

  private recovered(leader: number, taken: readonly PartitionBatch[]): void {
    this.backoffs.delete(leader);
    this.recover(taken.map(({ queue }) => queue));
  }

  private recover(queues: readonly PartitionQueue[]): void {
    if (this.failing.size === 0) return;
    for (const queue of queues) this.failing.delete(queue);
    if (this.failing.size === 0) this.troubles.clear('publishing');
  }
}

function refusal({ queue, records }: PartitionBatch, reason: string): RecordRefusedError {
  return new RecordRefusedError(
    `Kafka refused a record of ${records[0]!.bytes} bytes for topic "${queue.topic}", partition ${queue.partition}: ${reason}`,
  );
}
