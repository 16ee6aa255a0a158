import { setTimeout as pause } from 'node:timers/promises';
// What kafkajs exports behind its codecs Node finds by no name of its own.
import kafkajs, { type Admin, Kafka, logLevel } from 'kafkajs';

/** How long what is asked may take while brokers are away, in milliseconds. */
const PATIENCE = 90_000;

/**
 * What the world asks the cluster for, past every proxy, again and again while brokers are away: kafkajs does so for few errors only.
 * Each attempt has a client of its own, since one whose brokers were gone may never find them again.
 */
export class ClusterAdmin {
  private readonly brokers: readonly string[];

  /** @param brokers `host:port`, separated by commas */
  constructor(brokers: string) {
    this.brokers = brokers.split(',');
  }

  alterTopic(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    return this.ask(async (admin) => {
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries }],
      });
    });
  }

  async makeTopic(topic: string, partitions: number): Promise<void> {
    await this.ask((admin) =>
      admin.createTopics({
        // kafkajs would wait for the leaders, and gives up where it asks a broker that has not heard of the topic yet.
        waitForLeaders: false,
        topics: [{ topic, numPartitions: partitions, replicationFactor: 3 }],
      }),
    );
    await this.ask(async (admin) => {
      if ((await partitionsOf(admin, topic)) < partitions) throw new Error(`Topic ${topic} has no leaders.`);
    });
  }

  /** Kafka refuses it with `INVALID_REPLICATION_FACTOR` while it has fewer brokers than the topic has copies. */
  async addPartition(topic: string): Promise<void> {
    const count = (await this.ask((admin) => partitionsOf(admin, topic))) + 1;
    await this.ask(async (admin) => {
      // An attempt whose answer was lost may have done it.
      if ((await partitionsOf(admin, topic)) >= count) return;
      await admin.createPartitions({ topicPartitions: [{ topic, count }] });
    });
  }

  /** Records of a topic that a group has not committed. */
  uncommitted(group: string, topic: string): Promise<number> {
    return this.ask(async (admin) => {
      const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      const committed = new Map(offsets!.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      const ends = await admin.fetchTopicOffsets(topic);
      return ends.reduce(
        (sum, { partition, high }) => sum + Number(high) - Math.max(0, committed.get(partition) ?? 0),
        0,
      );
    });
  }

  /** @throws the last error */
  private async ask<T>(act: (admin: Admin) => Promise<T>): Promise<T> {
    const giveUp = performance.now() + PATIENCE;
    for (;;) {
      try {
        return await this.tryOnce(act);
      } catch (error) {
        if (performance.now() > giveUp) throw error;
      }
      await pause(200);
    }
  }

  private async tryOnce<T>(act: (admin: Admin) => Promise<T>): Promise<T> {
    const kafka = new Kafka({
      brokers: [...this.brokers],
      logLevel: logLevel.NOTHING,
      connectionTimeout: 1_000,
      requestTimeout: 5_000,
      retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 1_000 },
    });
    const admin = kafka.admin();
    try {
      await admin.connect();
      return await act(admin);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}

async function partitionsOf(admin: Admin, topic: string): Promise<number> {
  return (await admin.fetchTopicOffsets(topic)).length;
}
