import { setTimeout as pause } from 'node:timers/promises';
// What kafkajs exports behind its codecs Node finds by no name of its own.
import kafkajs, { type Admin, Kafka, logLevel } from 'kafkajs';

/** How long what is asked may take while brokers are away, in milliseconds. */
const PATIENCE = 60_000;

/** What the world asks the cluster for, past every proxy. */
export class ClusterAdmin {
  constructor(private readonly admin: Admin) {}

  alterTopic(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    return patiently(async () => {
      await this.admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries }],
      });
    });
  }

  async makeTopic(topic: string, partitions: number): Promise<void> {
    // kafkajs would wait for the leaders, and gives up where it asks a broker that has not heard of the topic yet.
    await this.admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions: partitions, replicationFactor: 3 }],
    });
    await patiently(async () => {
      if ((await this.partitions(topic)) < partitions) throw new Error(`Topic ${topic} has no leaders.`);
    });
  }

  /** Kafka refuses it with `INVALID_REPLICATION_FACTOR` while it has fewer brokers than the topic has copies. */
  async addPartition(topic: string): Promise<void> {
    const count = (await patiently(() => this.partitions(topic))) + 1;
    await patiently(async () => {
      // An attempt whose answer was lost may have done it.
      if ((await this.partitions(topic)) >= count) return;
      await this.admin.createPartitions({ topicPartitions: [{ topic, count }] });
    });
  }

  /** Records of a topic that a group has not committed. */
  uncommitted(group: string, topic: string): Promise<number> {
    return patiently(async () => {
      const [offsets] = await this.admin.fetchOffsets({ groupId: group, topics: [topic] });
      const committed = new Map(offsets!.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      const ends = await this.admin.fetchTopicOffsets(topic);
      return ends.reduce(
        (sum, { partition, high }) => sum + Number(high) - Math.max(0, committed.get(partition) ?? 0),
        0,
      );
    });
  }

  private async partitions(topic: string): Promise<number> {
    return (await this.admin.fetchTopicOffsets(topic)).length;
  }
}

/** Tries again what fails while brokers are away: kafkajs does so for few errors only. @throws the last error */
async function patiently<T>(act: () => Promise<T>): Promise<T> {
  const giveUp = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (performance.now() > giveUp) throw error;
    }
    await pause(200);
  }
}

/** One connection for what is asked, closed after it. */
export async function withAdmin<T>(brokers: string, act: (admin: ClusterAdmin) => Promise<T>): Promise<T> {
  const kafka = new Kafka({
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 5_000,
    retry: { retries: 15, initialRetryTime: 100, maxRetryTime: 3_000 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await act(new ClusterAdmin(admin));
  } finally {
    await admin.disconnect();
  }
}
