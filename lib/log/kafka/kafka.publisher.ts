import { setMaxListeners } from 'node:events';
import { messageOf } from '../../kafka-socket.error.js';
import type { LogPosition, OutgoingRecord } from '../../message/record.js';
import { LogUnavailableError, MissingTopicsError, RecordRefusedError } from '../log.errors.js';
import type { KafkaOptions } from '../log.options.js';
import type { LogTroubles } from '../log.troubles.js';
import { Backoff } from './backoff.js';
import { isMissingTopic, rootOf, typeOf } from './kafka.failure.js';
import type { KafkaProducer, Produced } from './kafka.producer.js';
import { type PartitionBatch, PartitionQueue } from './partition.queue.js';
import type { PendingRecord } from './pending.record.js';
import { PublishBounds } from './publish.bounds.js';
import { RecordRouter } from './partition.chooser.js';
import type { TopicCatalog } from './topic.catalog.js';

/** How long a shutdown waits for acknowledgements at most, in milliseconds. */
const DRAIN_LIMIT = 5_000;
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
    const problem = leader === NO_LEADER ? this.returnAll(taken) : await this.send(leader, taken);
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
  private async send(leader: number, batches: readonly PartitionBatch[]): Promise<string | undefined> {
    for (const { records } of batches) for (const record of records) record.sent = true;
    const sent = batches.map(({ queue: { topic, partition }, records }) => ({
      topic,
      partition,
      contents: records.map(({ content }) => content),
    }));
    try {
      const produced = await this.producer.send(leader, sent);
      const problems = await Promise.all(batches.map((batch, index) => this.settle(batch, produced[index]!)));
      return problems.find((problem) => problem !== undefined);
    } catch (error) {
      for (const batch of batches) batch.queue.putBack(batch);
      return reasonOf(error);
    }
  }

  /** The order of a partition's records is kept, so that each stands at the first one's offset plus its index. */
  private async settle(batch: PartitionBatch, produced: Produced): Promise<string | undefined> {
    if ('offset' in produced) {
      batch.queue.written(batch, produced.offset);
      return undefined;
    }
    const { error } = produced;
    if (REFUSALS.has(typeOf(error) ?? '')) return this.refuse(batch, reasonOf(error));
    batch.queue.putBack(batch);
    if (isMissingTopic(error)) await this.dropMissing(batch.queue.topic);
    return reasonOf(error);
  }

  private refuse(batch: PartitionBatch, reason: string): undefined {
    if (batch.records.length === 1) batch.queue.refused(batch, refusal(batch, reason));
    else batch.queue.separate(batch);
  }

  private async dropMissing(topic: string): Promise<void> {
    const missing = await this.catalog.confirm(topic).catch((error: unknown) => error);
    if (!(missing instanceof MissingTopicsError)) return;
    for (const queue of this.queues.values()) if (queue.topic === topic) queue.refuseAll(missing);
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

function reasonOf(error: unknown): string {
  return [typeOf(error), messageOf(rootOf(error))].filter(Boolean).join(': ');
}

function refusal({ queue, records }: PartitionBatch, reason: string): RecordRefusedError {
  return new RecordRefusedError(
    `Kafka refused a record of ${records[0]!.bytes} bytes for topic "${queue.topic}", partition ${queue.partition}: ${reason}`,
  );
}
