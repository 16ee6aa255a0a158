/*
 * What of kafkajs is used beneath its public clients: its consumer reads only as a member of a group, and a gateway reads every
 * partition alone, from positions of its own. kafkajs 2.2.4 is the last release, has no `exports` map, and is pinned to exactly
 * this version, so that these paths and methods hold.
 */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { InstrumentationEvent, ITopicConfig, KafkaConfig, KafkaMessage, Logger, PartitionAssigner } from 'kafkajs';
import { readHeadersOnce } from './linear.headers.js';

const require = createRequire(import.meta.url);
readHeadersOnce();

/** The brokers of a cluster, and connections to them. */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  isConnected(): boolean;
  /** Topics whose metadata it keeps. Where one of them is gone no metadata comes at all. */
  readonly targetTopics: Set<string>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  /** Where what is known is older than `metadataMaxAge`. */
  refreshMetadataIfNecessary(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[];
  findBroker(node: { nodeId: string }): Promise<Broker>;
  findGroupCoordinator(group: { groupId: string }): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
  fetchTopicsOffset(topics: readonly TopicOffsetsWanted[]): Promise<TopicOffsets[]>;
  readonly connectionPoolBuilder: { build(place?: object): Promise<ConnectionPool> };
  readonly brokerPool: {
    /** What was learnt last. */
    readonly metadata: RawMetadata | null;
    findConnectedBroker(): Promise<Broker>;
  };
}

/** The connections to one broker: for fetches, and for all else. */
export interface ConnectionPool {
  readonly pool: readonly Connection[];
  send(asked: ProtocolRequest): Promise<unknown>;
  /** Connected. */
  getConnection(index?: number): Promise<Connection>;
}

export interface Connection {
  readonly socket: Socket;
  /** What waits for an answer, by its number: they count up. */
  readonly requestQueue: { readonly inflight: ReadonlyMap<number, unknown> };
  send(asked: ProtocolRequest): Promise<unknown>;
}

/** What is asked, and how the answer is read: `parse` throws what it says of errors. */
export interface ProtocolRequest<A = unknown> {
  readonly request: { readonly apiKey: number; encode(): Promise<EncodedRequest> };
  readonly response: { decode(bytes: Buffer): Promise<A>; parse(answer: A): Promise<unknown> };
}

/** What kafkajs' encoder looks like to whoever sends what it has encoded. */
export interface EncodedRequest {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

/** What a broker says of the partitions that were written to. */
export interface ProduceAnswer {
  readonly topics: readonly {
    readonly topicName: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly errorCode: number;
      readonly baseOffset: string;
    }[];
  }[];
}

/** The requests of one kind, by their versions. */
export interface RequestVersions<Q, A> {
  readonly versions: readonly string[];
  protocol(choice: { version: number }): (question: Q) => ProtocolRequest<A>;
}

export interface RawMetadata {
  readonly clusterId: string;
  readonly topicMetadata: readonly {
    readonly partitionMetadata: readonly {
      readonly partitionErrorCode: number;
      readonly partitionId: number;
      /** -1 where there is none. */
      readonly leader: number;
    }[];
  }[];
}

export interface TopicOffsetsWanted {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number }[];
  readonly fromBeginning?: boolean;
  /** Milliseconds since the epoch; goes before `fromBeginning`. */
  readonly fromTimestamp?: number;
}

export interface TopicOffsets {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
}

export interface CommittedOffsets {
  readonly topic: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly offset: string;
    readonly metadata: string | null;
  }[];
}

/** One broker. Fetches have a connection of their own, and their answers come one after the other. */
export interface Broker {
  readonly connectionPool: ConnectionPool;

  /** In the newest version that both sides know. */
  lookupRequest<Q, A>(apiKey: number, versions: RequestVersions<Q, A>): (question: Q) => ProtocolRequest<A>;

  /** Fails as a whole, and says only which error was the first, where one of the partitions fails. */
  fetch(request: {
    maxWaitTime: number;
    minBytes: number;
    maxBytes: number;
    isolationLevel: number;
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; fetchOffset: string; maxBytes: number }[];
    }[];
  }): Promise<{ responses: readonly { topicName: string; partitions: readonly FetchedPartition[] }[] }>;

  /** -1 for a partition that was never committed. */
  offsetFetch(request: {
    groupId: string;
    topics: readonly { topic: string; partitions: readonly { partition: number }[] }[];
  }): Promise<{ responses: readonly CommittedOffsets[] }>;

  metadata(topics: readonly string[]): Promise<RawMetadata>;

  createTopics(request: { topics: readonly ITopicConfig[]; timeout: number }): Promise<void>;

  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<void>;

  /** For one generation of a group: the coordinator refuses what an older one commits. */
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; offset: string; metadata: string | null }[];
    }[];
  }): Promise<void>;

  leaveGroup(request: { groupId: string; memberId: string }): Promise<void>;
}

/** A member of a group, as kafkajs' consumer has it: it joins, and deals partitions out where it leads. */
export interface ConsumerGroup {
  /** Null before it joined, and where it is to join as somebody new. */
  memberId: string | null;
  readonly generationId: number;
  /** Resolves when the group has dealt its partitions out. Whom the coordinator still knows joins as the same member again. */
  joinAndSync(): Promise<void>;
  assigned(): readonly { readonly topic: string; readonly partitions: readonly number[] }[];
  /** Throws where a topic has partitions that were not there when it joined. */
  checkForStaleAssignment(): void;
}

interface ConsumerGroupOptions {
  readonly cluster: Cluster;
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Where to read what was never committed; of no meaning to whoever does not fetch by it. */
  readonly topicConfigurations: Readonly<Record<string, object>>;
  readonly logger: Logger;
  readonly instrumentationEmitter: Instrumentation;
  readonly assigners: readonly ReturnType<PartitionAssigner>[];
  /** Milliseconds. */
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly retry: object;
}

/** Where kafkajs tells what happens. */
export interface Instrumentation {
  addListener<P>(event: string, listener: (event: InstrumentationEvent<P>) => void): () => void;
}

export interface FetchedPartition {
  readonly partition: number;
}

/** A record with what kafkajs keeps of the batch that it came in. */
export type RawMessage = KafkaMessage & {
  readonly batchContext?: { readonly firstOffset: string; readonly lastOffsetDelta: number };
};

/** Drops control records, and records of transactions that were aborted. */
export interface RawBatch {
  readonly topic: string;
  readonly partition: number;
  /** The offset that was asked for. */
  readonly fetchedOffset: string;
  /** What counts. */
  readonly messages: readonly RawMessage[];
  /** All that came. */
  readonly rawMessages: readonly RawMessage[];
}

/** What the public client gives its own clusters. */
export interface ClusterOptions extends Omit<KafkaConfig, 'logLevel' | 'logCreator'> {
  readonly logger: Logger;
  readonly metadataMaxAge: number;
  readonly allowAutoTopicCreation: boolean;
  readonly isolationLevel: number;
}

export const Cluster = require('kafkajs/src/cluster') as new (options: ClusterOptions) => Cluster;

export const Batch = require('kafkajs/src/consumer/batch') as new (
  topic: string,
  fetchedOffset: string,
  partition: FetchedPartition,
) => RawBatch;

export const ConsumerGroup = require('kafkajs/src/consumer/consumerGroup') as new (
  options: ConsumerGroupOptions,
) => ConsumerGroup;

export const Instrumentation = require('kafkajs/src/instrumentation/emitter') as new () => Instrumentation;

export const ProduceVersions = require('kafkajs/src/protocol/requests/produce') as RequestVersions<
  { acks: number },
  ProduceAnswer
>;

/** What the protocol's number of an error means. */
export const errorOf = (require('kafkajs/src/protocol/error') as { createErrorFromCode(code: number): Error })
  .createErrorFromCode;

/** Nothing of an open or an aborted transaction. */
export const READ_COMMITTED = 1;

/** What {@link Instrumentation} tells with `topicsNotSubscribed`. */
export const FOREIGN_TOPICS = 'consumer.received_unsubscribed_topics';

/** The protocol's numbers of the request that writes records, and of the one that asks who leads what. */
export const PRODUCE = 0;
export const METADATA = 3;
