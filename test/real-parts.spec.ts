import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { KafkaServer } from './support/kafka.server.js';
import { RedisServer, redisVersion } from './support/redis.server.js';

/** What the suites about failures stand on: real parts that fail and come back when told to. */
describe("a Kafka of one's own", () => {
  let kafka: KafkaServer;
  beforeAll(async () => {
    kafka = await KafkaServer.start();
  });
  afterAll(() => kafka?.stop());

  it('is a Kafka 4 that serves on its own port', () => {
    expect(kafka.version).toMatch(/^4\./);
    expect(kafka.addresses).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('still holds, on the same port, what was acknowledged before it was killed', async () => {
    const topic = randomUUID();
    const { admin, producer } = await connectTo(kafka);
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
    await producer.send({ topic, messages: [{ value: 'kept' }], acks: -1 });

    await kafka.brokers[0]!.kill();
    await kafka.brokers[0]!.start();

    expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ partition: 0, low: '0', high: '1' }]);
  });

  it('creates no topic by being asked for it', async () => {
    const { producer } = await connectTo(kafka);

    await expect(producer.send({ topic: randomUUID(), messages: [{ value: 'lost' }] })).rejects.toThrow(
      'does not host this topic-partition',
    );
  });
});

describe("a Redis of one's own", () => {
  it('answers again on the same port after it was killed', async () => {
    const redis = await startRedis();

    await redis.kill();
    await expect(redisVersion(redis.url)).rejects.toThrow('ECONNREFUSED');
    await redis.restart();

    expect(await redisVersion(redis.url)).toMatch(/^\d+\.\d+/);
  });

  it('forgets when emptied, while its connections stay', async () => {
    const redis = await startRedis();
    const socket = connect(Number(new URL(redis.url).port), '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const ask = (command: string) =>
      new Promise((resolve) => {
        socket.once('data', (answer) => resolve(String(answer)));
        socket.write(`${command}\r\n`);
      });

    expect(await ask('SET kept 1')).toBe('+OK\r\n');
    await redis.empty();

    expect(await ask('EXISTS kept')).toBe(':0\r\n');
  });
});

async function startRedis(): Promise<RedisServer> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  return redis;
}

async function connectTo(kafka: KafkaServer) {
  const client = new Kafka({
    brokers: kafka.addresses.split(','),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 3 },
  });
  const admin = client.admin();
  const producer = client.producer();
  onTestFinished(async () => {
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  });
  await Promise.all([admin.connect(), producer.connect()]);
  return { admin, producer };
}
