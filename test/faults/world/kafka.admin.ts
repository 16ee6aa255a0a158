import { setTimeout as pause } from 'node:timers/promises';
// What kafkajs exports behind its codecs Node finds by no name of its own.
import kafkajs, { type Admin, Kafka, logLevel } from 'kafkajs';

/** How long a topic may take to be led, in milliseconds. */
const PATIENCE = 30_000;

/** What the world asks the cluster for, past every proxy. */
export class ClusterAdmin {
  constructor(private readonly admin: Admin) {}

  async alterTopic(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await this.admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries }],
    });
  }

  async makeTopic(topic: string, partitions: number): Promise<void> {
    // kafkajs would wait for the leaders, and gives up where it asks a broker that has not heard of the topic yet.
    await this.admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions: partitions, replicationFactor: 3 }],
    });
    const giveUp = performance.now() + PATIENCE;
    while (!(await this.isLed(topic, partitions))) {
      if (performance.now() > giveUp) throw new Error(`Topic ${topic} has no leaders after ${PATIENCE} ms.`);
      await pause(100);
    }
  }

  private isLed(topic: string, partitions: number): Promise<boolean> {
    return this.admin.fetchTopicOffsets(topic).then(
      ({ length }) => length === partitions,
      () => false,
    );
  }

  async addPartition(topic: string): Promise<void> {
    const count = (await this.admin.fetchTopicOffsets(topic)).length + 1;
    await this.admin.createPartitions({ topicPartitions: [{ topic, count }] });
  }
}

/** Asks again while a broker is away, for half a minute. */
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
