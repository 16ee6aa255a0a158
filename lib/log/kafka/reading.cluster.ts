import { setMaxListeners } from 'node:events';
import { KafkaSocketError } from '../../kafka-socket.error.js';
import { LogUnavailableError, MissingTopicsError } from '../log.errors.js';
import type { PartitionOffsets } from '../message.log.js';
import type { TopicPartition } from '../partition.dealer.js';
import { atMost } from '../at-most.js';
import { Backoff } from './backoff.js';
import type { KafkaClient, OnForeignTopics } from './kafka.client.js';
import { isMissingTopic, unavailable } from './kafka.failure.js';
import {
  Batch,
  type Broker,
  type Cluster,
  type ConsumerGroup,
  READ_COMMITTED,
  type RawBatch,
} from './kafkajs.internals.js';
import { TopicAnswers } from './topic.answers.js';
import type { TopicCatalog } from './topic.catalog.js';

/** Bytes that one answer may hold: decoding it holds up the process. */
const ANSWER_BYTES = 4 * 1024 * 1024;
/** How long brokers may take to sort out who leads a partition before a question about it fails, in milliseconds. */
const PATIENCE = 10_000;
/** How long a broker may take to answer what was asked before, in milliseconds. */
const CLOSE_LIMIT = 2_000;

/** A place to fetch from. */
export interface FetchPosition extends TopicPartition {
  readonly position: bigint;
  readonly maxBytes: number;
}

/** What a group has committed of a partition. */
export interface Committed {
  readonly offset: bigint;
  /** What was written beside it, by whomever. */
  readonly note?: string;
}

/** The leader of each partition, and what it was learnt from. */
interface KnownLeaders {
  readonly partitions: ReturnType<Cluster['findTopicPartitionMetadata']>;
  readonly leaders: ReadonlyMap<number, number>;
}

/** Connections to read by, without a group: records from any place, and what offsets there are. */
export class ReadingCluster {
  private readonly cluster: Cluster;
  private readonly closing = new AbortController();
  /** Topics that are read, also those that are gone for now. */
  private readonly wanted = new Set<string>();
  private readonly leaders = new Map<string, KnownLeaders>();
  /** Many clients that reconnect at the same time ask the same. */
  private readonly held = new TopicAnswers((topic) => this.patiently(topic, () => this.askOffsets(topic, () => true)));
  /** The same of what has a leader: members of a group ask for a partition each, many at the same time. */
  private readonly led = new TopicAnswers((topic) =>
    this.askOffsets(topic, (partition) => this.leaderOf({ topic, partition }) !== undefined),
  );

  constructor(
    private readonly client: KafkaClient,
    private readonly catalog: TopicCatalog,
  ) {
    this.cluster = client.cluster(this.signal);
    setMaxListeners(0, this.closing.signal); // each read under way is one
  }

  get signal(): AbortSignal {
    return this.closing.signal;
  }

  connect(): Promise<void> {
    return this.cluster.connect();
  }

  /** Ends whatever waits. @param done what has to end before the connections may go, such as a fetch under way */
  async close(done: Promise<unknown> = Promise.resolve()): Promise<void> {
    this.closing.abort(new LogUnavailableError('The log was closed.', false));
    await atMost(CLOSE_LIMIT, done);
    await atMost(CLOSE_LIMIT, this.cluster.disconnect());
  }

  /**
   * Makes sure that it is known who leads the partitions of topics.
   * @throws {MissingTopicsError} `topics_missing`
   */
  async know(topics: readonly string[]): Promise<void> {
    for (const topic of topics) await this.catalog.get(topic);
    for (const topic of topics) this.wanted.add(topic);
    await this.careful(async () => {
      await this.cluster.addMultipleTargetTopics(topics);
      await this.cluster.refreshMetadataIfNecessary();
    });
  }

  /** Asks again who leads what. */
  async refresh(): Promise<void> {
    if (this.cluster.targetTopics.size < this.wanted.size) await this.chooseTopics();
    await this.careful(() => this.cluster.refreshMetadata());
  }

  /** The partitions of a topic, as far as is known. */
  partitionsOf(topic: string): number[] {
    return this.metadataOf(topic).map(({ partitionId }) => partitionId);
  }

  /** The broker that leads a partition; undefined while there is none. */
  leaderOf({ topic, partition }: TopicPartition): number | undefined {
    const leader = this.leadersOf(topic).get(partition);
    return leader !== undefined && leader >= 0 ? leader : undefined;
  }

  /** Fetches from partitions that one broker leads. @param maxWait milliseconds, where there is nothing yet */
  async fetch(leader: number, positions: readonly FetchPosition[], maxWait: number): Promise<RawBatch[]> {
    const broker = await this.cluster.findBroker({ nodeId: String(leader) });
    const { responses } = await broker.fetch({
      maxWaitTime: maxWait,
      minBytes: 1,
      maxBytes: ANSWER_BYTES,
      isolationLevel: READ_COMMITTED,
      topics: positions.map(({ topic, partition, position, maxBytes }) => ({
        topic,
        partitions: [{ partition, fetchOffset: position.toString(), maxBytes }],
      })),
    });
    const asked = new Map(positions.map((one) => [`${one.topic}/${one.partition}`, one.position.toString()]));
    return responses.flatMap(({ topicName, partitions }) =>
      partitions.map((one) => new Batch(topicName, asked.get(`${topicName}/${one.partition}`)!, one)),
    );
  }

  /** See {@link MessageLog.offsets}. */
  offsets(topic: string, partitions?: readonly number[]): Promise<PartitionOffsets[]> {
    if (!partitions) return this.held.get(topic);
    return this.patiently(topic, async () => {
      const led = await this.led.get(topic);
      const wanted = led.filter(({ partition }) => partitions.includes(partition));
      if (wanted.length < this.known(topic, partitions).length)
        throw new Error(`"${topic}" has no leader for each of ${partitions.join(', ')}`);
      return wanted;
    });
  }

  /** See {@link MessageLog.offsetsAt}. */
  async offsetsAt(topic: string, timestamp: number, wanted?: readonly number[]): Promise<Map<number, bigint>> {
    return this.patiently(topic, async () => {
      const partitions = this.known(topic, wanted);
      const [found, ends] = await Promise.all([
        this.ask(topic, partitions, { fromTimestamp: Math.max(Math.floor(timestamp), 0) }),
        this.ask(topic, partitions, { fromBeginning: false }),
      ]);
      return new Map([...found].map(([partition, offset]) => [partition, offset < 0n ? ends.get(partition)! : offset]));
    });
  }

  /** What a group has committed; -1 for a partition of which it has committed nothing. */
  async committed(groupId: string, topic: string, partitions: readonly number[]): Promise<Map<number, Committed>> {
    const coordinator = await this.coordinator(groupId);
    const topics = [{ topic, partitions: partitions.map((partition) => ({ partition })) }];
    const { responses } = await coordinator.offsetFetch({ groupId, topics });
    return new Map(
      responses[0]?.partitions.map(({ partition, offset, metadata }) => [
        partition,
        { offset: BigInt(offset), ...(metadata && { note: metadata }) },
      ]),
    );
  }

  /** Takes a member out of its group. */
  async leave(groupId: string, memberId: string): Promise<void> {
    const coordinator = await this.coordinator(groupId);
    await coordinator.leaveGroup({ groupId, memberId });
  }

  /** The broker that keeps a group, connected. */
  coordinator(groupId: string): Promise<Broker> {
    return this.cluster.findGroupCoordinator({ groupId });
  }

  /** Somebody who can join a group over these connections. */
  memberOf(groupId: string, topics: readonly string[], onForeignTopics: OnForeignTopics): ConsumerGroup {
    return this.client.memberOf(groupId, topics, this.cluster, onForeignTopics);
  }

  /** Does something that may fail for a while, when leaders move, until it succeeds or time is up. */
  async patiently<T>(topic: string, work: () => Promise<T>): Promise<T> {
    const giveUp = performance.now() + PATIENCE;
    const backoff = new Backoff();
    for (;;) {
      try {
        this.signal.throwIfAborted();
        await this.know([topic]);
        return await work();
      } catch (error) {
        if (this.signal.aborted || (error instanceof KafkaSocketError && !error.temporary)) throw error;
        if (performance.now() > giveUp) throw unavailable(`reading "${topic}"`, this.client.options.brokers, error);
        await backoff.pause(this.signal);
        await this.refresh().catch(() => undefined);
      }
    }
  }

  /** Where one of the topics is gone kafkajs learns nothing of the others: so it must not ask for that one. */
  private async careful(learn: () => Promise<void>): Promise<void> {
    try {
      await learn();
    } catch (error) {
      if (!isMissingTopic(error)) throw error;
      await this.chooseTopics();
      await learn();
    }
  }

  private async chooseTopics(): Promise<void> {
    const { targetTopics } = this.cluster;
    for (const topic of this.wanted) {
      try {
        await this.catalog.refresh(topic);
        targetTopics.add(topic);
      } catch (error) {
        if (error instanceof MissingTopicsError) targetTopics.delete(topic);
      }
    }
  }

  /** Of each partition that is known. Asked for all partitions with each fetch, so it is not searched for anew. */
  private leadersOf(topic: string): ReadonlyMap<number, number> {
    const partitions = this.metadataOf(topic);
    let known = this.leaders.get(topic);
    if (known?.partitions !== partitions) {
      known = { partitions, leaders: new Map(partitions.map(({ partitionId, leader }) => [partitionId, leader])) };
      this.leaders.set(topic, known);
    }
    return known.leaders;
  }

  private metadataOf(topic: string): ReturnType<Cluster['findTopicPartitionMetadata']> {
    try {
      return this.cluster.findTopicPartitionMetadata(topic);
    } catch {
      return []; // kafkajs throws before it is connected, and after
    }
  }

  private async askOffsets(topic: string, among: (partition: number) => boolean): Promise<PartitionOffsets[]> {
    await this.refresh(); // who knows of a partition that was added already must not be told that there is none
    const partitions = this.known(topic)
      .filter(among)
      .sort((a, b) => a - b);
    const [starts, ends] = await Promise.all([
      this.ask(topic, partitions, { fromBeginning: true }),
      this.ask(topic, partitions, { fromBeginning: false }),
    ]);
    return partitions.map((partition) => ({ partition, start: starts.get(partition)!, end: ends.get(partition)! }));
  }

  /** Those of the partitions that there are; all of them where none are named. */
  private known(topic: string, wanted?: readonly number[]): number[] {
    const partitions = this.partitionsOf(topic);
    if (partitions.length === 0) throw new Error(`nothing is known of "${topic}" yet`);
    return wanted ? partitions.filter((partition) => wanted.includes(partition)) : partitions;
  }

  /** The offsets that brokers name for partitions of a topic. Fails where one of them has no leader. */
  private async ask(
    topic: string,
    partitions: readonly number[],
    what: { fromBeginning?: boolean; fromTimestamp?: number },
  ): Promise<Map<number, bigint>> {
    const wanted = { topic, partitions: partitions.map((partition) => ({ partition })), ...what };
    const [answer] = await this.cluster.fetchTopicsOffset([wanted]);
    const offsets = new Map(answer?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    if (offsets.size < partitions.length) throw new Error(`"${topic}" has no leader everywhere`);
    return offsets;
  }
}
