import type { SASLOptions } from 'kafkajs';
import type { ConnectionOptions } from 'node:tls';

/** How missing topics are made. */
export class TopicCreationOptions {
  /**
   * Partitions of a new topic. More than ever needed costs little; fewer cannot be undone without breaking the order of keys.
   * @default 6
   */
  partitions = 6;
  /**
   * Copies of a new topic; -1 leaves it to the broker.
   * @default -1
   */
  replicationFactor = -1;
}

/** The Kafka cluster, and how it is used. */
export class KafkaOptions {
  /** Host and port of some brokers; the others are found through them. At least one. */
  brokers: readonly string[] = [];
  /** Name that brokers log and count by. @default the service's name */
  clientId?: string;
  /** TLS, passed to Node as it is; `true` for the defaults. */
  ssl?: boolean | ConnectionOptions;
  /** SASL, passed to kafkajs as it is. */
  sasl?: SASLOptions;
  /**
   * What happens with topics that do not exist: they are made so, or with `false` the start fails and names them.
   * @default new TopicCreationOptions()
   */
  createTopics: TopicCreationOptions | false = new TopicCreationOptions();
  /**
   * How long a broker may take to answer a connection, in milliseconds.
   * @default 3_000
   */
  connectionTimeout = 3_000;
  /**
   * How long publishing a record may take from the call to the acknowledgement, in milliseconds.
   * @default 10_000
   */
  publishTimeout = 10_000;
  /**
   * Records that may wait for the brokers in one process; further ones are refused at once.
   * @default 50_000
   */
  maxQueued = 50_000;
  /**
   * Bytes that may wait for the brokers in one process; further records are refused at once.
   * @default 67_108_864
   */
  maxQueuedBytes = 64 * 1024 * 1024;
  /**
   * How long a broker holds a fetch for which there is no record yet, in milliseconds. It adds no latency: a record ends the
   * wait. Longer ones delay only the shutdown.
   * @default 500
   */
  fetchWait = 500;
  /**
   * Bytes that one fetch may bring for one partition.
   * @default 1_048_576
   */
  fetchBytes = 1_048_576;
  /**
   * How often new partitions and moved leaders are looked for, in milliseconds.
   * @default 30_000
   */
  metadataMaxAge = 30_000;
  /**
   * How long a member of a group may be silent before its partitions go to others, in milliseconds. A process whose event loop
   * is blocked for longer loses them.
   * @default 10_000
   */
  sessionTimeout = 10_000;
}

/** The log that lives in the process, for development and tests. */
export class MemoryLogOptions {
  /**
   * Partitions of each topic.
   * @default 3
   */
  partitions = 3;
  /**
   * Records that a partition keeps; older ones are gone.
   * @default 100_000
   */
  retention = 100_000;
}
