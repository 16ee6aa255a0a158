import { setMaxListeners } from 'node:events';
import { Logger } from '@nestjs/common';
import type { LogPosition, OutgoingRecord, RecordBatch } from '../../message/record.js';
import { partitionOf } from '../key.partitioner.js';
import { abortable } from '../abortable.js';
import { LogUnavailableError } from '../log.errors.js';
import type { KafkaOptions } from '../log.options.js';
import { LogTroubles } from '../log.troubles.js';
import type {
  GroupMember,
  LogRange,
  MessageLog,
  PartitionOffsets,
  Subscription,
  Tail,
  TailOptions,
} from '../message.log.js';
import { OpenSubscriptions } from '../open.subscriptions.js';
import { atMost } from '../at-most.js';
import { KafkaAdmin } from './kafka.admin.js';
import { KafkaClient } from './kafka.client.js';
import { unavailable } from './kafka.failure.js';
import { KafkaGroup } from './kafka.group.js';
import { KafkaProducer } from './kafka.producer.js';
import { KafkaPublisher } from './kafka.publisher.js';
import { KafkaRangeReader } from './kafka.range.reader.js';
import { KafkaTail } from './kafka.tail.js';
import { KafkaTopics } from './kafka.topics.js';
import { ReadingCluster } from './reading.cluster.js';
import { SharedFetches } from './shared.fetches.js';
import { TopicCatalog } from './topic.catalog.js';

/** How long kafkajs may take to hang up, in milliseconds; then its sockets are cut. */
const HANG_UP_LIMIT = 2_000;

/** The log on Apache Kafka 2.4 and newer. */
export class KafkaMessageLog implements MessageLog {
  private readonly logger = new Logger(KafkaMessageLog.name);
  private readonly troubles = new LogTroubles(this.logger);
  private readonly subscriptions = new OpenSubscriptions();
  private readonly closing = new AbortController();
  private readonly client: KafkaClient;
  private readonly admin: KafkaAdmin;
  private readonly producer: KafkaProducer;
  private readonly catalog: TopicCatalog;
  private readonly topics: KafkaTopics;
  private readonly publisher: KafkaPublisher;
  private readonly reading: ReadingCluster;
  private readonly ranges: KafkaRangeReader;
  private readonly shared = new SharedFetches();
  private cluster?: string;
  private closed?: Promise<void>;

  constructor(private readonly options: KafkaOptions) {
    setMaxListeners(0, this.closing.signal); // each topic that is looked for, and each group that is being joined, is one
    this.client = new KafkaClient(options, this.logger);
    this.admin = new KafkaAdmin(this.client);
    this.producer = new KafkaProducer(this.client);
    this.catalog = new TopicCatalog(this.admin, options, this.closing.signal);
    this.publisher = new KafkaPublisher(this.producer, this.catalog, options, this.troubles);
    this.reading = new ReadingCluster(this.client, this.catalog);
    this.topics = new KafkaTopics(this.admin, this.catalog, this.reading, options);
    this.ranges = new KafkaRangeReader(this.reading, options.fetchBytes);
  }

  get clusterId(): string {
    if (this.cluster === undefined) throw this.notConnected();
    return this.cluster;
  }

  get trouble(): string | undefined {
    return this.isOpen ? this.troubles.first : 'Kafka is not connected.';
  }

  async connect(): Promise<void> {
    if (this.closing.signal.aborted) throw this.notConnected();
    const { brokers, connectionTimeout } = this.options;
    // A broker that takes the connection and then is silent would be waited for as long as for a slow answer, twice.
    const tooLong = setInterval(() => this.client.cut(), 2 * connectionTimeout * brokers.length);
    try {
      const connecting = [this.admin.connect(), this.producer.connect(), this.reading.connect()] as const;
      [this.cluster] = await Promise.all(connecting);
    } catch (error) {
      throw unavailable('connecting', brokers, error);
    } finally {
      clearInterval(tooLong);
    }
  }

  close(): Promise<void> {
    return (this.closed ??= this.hangUp());
  }

  async ensureTopics(topics: readonly string[]): Promise<void> {
    this.checkOpen();
    await this.topics.ensure(topics);
  }

  async partitionFor(topic: string, key: string): Promise<number> {
    this.checkOpen();
    const { leaders } = await this.catalog.get(topic);
    return partitionOf(key, leaders.length);
  }

  async publish(record: OutgoingRecord): Promise<LogPosition> {
    this.checkOpen();
    return this.publisher.publish(record);
  }

  async offsets(topic: string, partitions?: readonly number[]): Promise<PartitionOffsets[]> {
    this.checkOpen();
    return this.reading.offsets(topic, partitions);
  }

  async offsetsAt(
    topic: string,
    timestamp: number,
    partitions?: readonly number[],
  ): Promise<ReadonlyMap<number, bigint>> {
    this.checkOpen();
    return this.reading.offsetsAt(topic, timestamp, partitions);
  }

  async consume(
    name: string,
    topics: readonly string[],
    member: GroupMember,
    signal?: AbortSignal,
  ): Promise<Subscription> {
    this.checkOpen();
    const { client, catalog, reading, shared, troubles, logger } = this;
    const connections = { asking: reading, own: new ReadingCluster(client, catalog), shared };
    const group = new KafkaGroup(name, [...new Set(topics)], member, this.options, connections, troubles, logger);
    const subscription = this.subscriptions.add(group);
    const signals = signal ? [signal, this.closing.signal] : [this.closing.signal];
    try {
      await abortable(signals, () => group.join());
      return subscription;
    } catch (error) {
      void subscription.stop(); // takes a moment, and never fails; close waits for it
      throw error;
    }
  }

  async tail(tail: TailOptions): Promise<Tail> {
    this.checkOpen();
    const cluster = new ReadingCluster(this.client, this.catalog);
    try {
      await cluster.connect();
      const started = await KafkaTail.start(cluster, tail, this.options, this.shared, this.troubles, this.logger);
      return { ...(await this.keep(started)), caughtUp: started.caughtUp };
    } catch (error) {
      await cluster.close();
      throw unavailable('reading', this.options.brokers, error);
    }
  }

  async *read(range: LogRange, signal?: AbortSignal): AsyncIterable<RecordBatch> {
    this.checkOpen();
    yield* this.ranges.read(range, signal);
  }

  private async hangUp(): Promise<void> {
    this.closing.abort(this.notConnected());
    await Promise.all([this.publisher.close(), this.subscriptions.stopAll()]);
    await this.reading.close();
    await atMost(HANG_UP_LIMIT, Promise.allSettled([this.producer.disconnect(), this.admin.disconnect()]));
    this.client.close();
  }

  /** A reader that was being started when the log was closed would go on alone. */
  private async keep(subscription: Subscription): Promise<Subscription> {
    if (this.isOpen) return this.subscriptions.add(subscription);
    await subscription.stop();
    throw this.notConnected();
  }

  private get isOpen(): boolean {
    return this.cluster !== undefined && !this.closing.signal.aborted;
  }

  private checkOpen(): void {
    if (!this.isOpen) throw this.notConnected();
  }

  private notConnected(): LogUnavailableError {
    return new LogUnavailableError('Kafka is not connected: call connect first, and nothing after close.', false);
  }
}
