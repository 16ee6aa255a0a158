import type { ITopicConfig } from 'kafkajs';
import type { KafkaClient } from './kafka.client.js';
import type { Cluster, RawMetadata } from './kafkajs.internals.js';

/**
 * Asks about the cluster and its topics, and makes topics. Not kafkajs' own admin client: whatever that is asked for, it learns
 * about all topics first, and fails where a partition of any of them has no leader.
 */
export class KafkaAdmin {
  private readonly cluster: Cluster;

  constructor(client: KafkaClient) {
    this.cluster = client.cluster();
  }

  /** @returns the cluster's name */
  async connect(): Promise<string> {
    await this.cluster.connect();
    await this.cluster.refreshMetadata();
    return this.cluster.brokerPool.metadata!.clusterId;
  }

  disconnect(): Promise<void> {
    return this.cluster.disconnect();
  }

  /** The leader of each partition of a topic, undefined while it has none. */
  async leadersOf(topic: string): Promise<(number | undefined)[]> {
    const { topicMetadata } = await this.describe(topic).catch((error: unknown) => {
      if (!isHungUp(error)) throw error;
      return this.describe(topic); // another broker, or the same one by a new connection
    });
    const leaders: (number | undefined)[] = [];
    for (const { partitionId, leader } of topicMetadata[0]!.partitionMetadata)
      leaders[partitionId] = leader < 0 ? undefined : leader;
    return leaders;
  }

  /** @param timeout how long the controller may take, in milliseconds */
  async createTopics(topics: readonly ITopicConfig[], timeout: number): Promise<void> {
    await this.cluster.refreshMetadata(); // who is the controller now
    const controller = await this.cluster.findControllerBroker();
    await controller.createTopics({ topics, timeout });
  }

  private async describe(topic: string): Promise<RawMetadata> {
    const broker = await this.cluster.brokerPool.findConnectedBroker();
    return broker.metadata([topic]);
  }
}

function isHungUp(error: unknown): boolean {
  return error instanceof Error && error.name === 'KafkaJSConnectionClosedError';
}
