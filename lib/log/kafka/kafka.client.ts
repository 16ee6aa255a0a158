import type { Logger } from '@nestjs/common';
import { Kafka, type LogEntry, logLevel, PartitionAssigners } from 'kafkajs';
import type { KafkaOptions } from '../log.options.js';
import { guardConnections } from './guarded.connections.js';
import { KafkaSockets } from './kafka.sockets.js';
import { Cluster, ConsumerGroup, FOREIGN_TOPICS, Instrumentation, READ_COMMITTED } from './kafkajs.internals.js';
import { askForNamedTopics } from './named.metadata.js';

/** How long kafkajs may not say the same again, in milliseconds, and how many of its lines are remembered for that. */
const SILENCE = 30_000;
const DIFFERENT_LINES = 100;
/** What is told to whoever asked, or by us in other words, or is no trouble: that members come and go, and that we stop. */
const NO_NEWS = /^(Response |Crash: |The group is rebalancing|The log was closed)/;

/** Told which topics a member was dealt partitions of though it does not read them. */
export type OnForeignTopics = (topics: readonly string[]) => void;

/** Makes what talks to Kafka, all with the same brokers, security and limits. */
export class KafkaClient {
  readonly kafka: Kafka;
  private readonly sockets = new KafkaSockets();
  private readonly config;
  /** When each line was written last, by `performance.now()`. */
  private readonly written = new Map<string, number>();
  private closed = false;

  constructor(
    readonly options: KafkaOptions,
    logger: Logger,
  ) {
    this.config = {
      brokers: [...options.brokers],
      clientId: options.clientId ?? 'nestjs-kafka-socket',
      ...(options.ssl !== undefined && { ssl: options.ssl as boolean }),
      ...(options.sasl && { sasl: options.sasl }),
      connectionTimeout: options.connectionTimeout,
      requestTimeout: options.publishTimeout,
      // kafkajs goes on to the next broker of the list only by trying again. Beyond that, who needs it decides whether to wait.
      retry: { retries: options.brokers.length, initialRetryTime: 50, maxRetryTime: 500 },
      socketFactory: this.sockets.factory,
    };
    this.kafka = new Kafka({
      ...this.config,
      logLevel: logLevel.WARN,
      logCreator: () => (entry) => this.write(entry, logger),
    });
  }

  /** Connections of their own. @param closed aborts when nothing is to be sent by them any more */
  cluster(closed?: AbortSignal): Cluster {
    const cluster = new Cluster({
      ...this.config,
      logger: this.kafka.logger(),
      metadataMaxAge: this.options.metadataMaxAge,
      allowAutoTopicCreation: false,
      isolationLevel: READ_COMMITTED,
    });
    return guardConnections(askForNamedTopics(cluster), closed);
  }

  /** Somebody who can join a group by the connections of a cluster, and deals partitions out in turn where it leads. */
  memberOf(
    groupId: string,
    topics: readonly string[],
    cluster: Cluster,
    onForeignTopics: OnForeignTopics,
  ): ConsumerGroup {
    const { sessionTimeout } = this.options;
    const logger = this.kafka.logger();
    const instrumentationEmitter = new Instrumentation();
    instrumentationEmitter.addListener<{ topicsNotSubscribed: string[] }>(FOREIGN_TOPICS, ({ payload }) =>
      onForeignTopics(payload.topicsNotSubscribed),
    );
    return new ConsumerGroup({
      cluster,
      groupId,
      topics,
      topicConfigurations: {},
      logger,
      instrumentationEmitter,
      assigners: [PartitionAssigners.roundRobin({ cluster: cluster as never, groupId, logger })],
      sessionTimeout,
      rebalanceTimeout: sessionTimeout,
      retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 2_000 },
    });
  }

  /** Ends whatever waits for a broker now. */
  cut(): void {
    this.sockets.closeAll();
  }

  /** Cuts what is still connected. */
  close(): void {
    this.closed = true;
    this.cut();
  }

  /** One line each, without stacks and payloads, and none twice within a while: kafkajs repeats them at every attempt. */
  private write({ namespace, log }: LogEntry, logger: Logger): void {
    const reason = typeof log['error'] === 'string' ? `: ${log['error']}` : '';
    const line = `kafkajs ${namespace}: ${log.message}${reason}`;
    if (NO_NEWS.test(log.message)) return;
    if (this.closed || performance.now() - (this.written.get(line) ?? -SILENCE) < SILENCE) return;
    if (this.written.size >= DIFFERENT_LINES) this.written.clear();
    this.written.set(line, performance.now());
    logger.warn(line);
  }
}
