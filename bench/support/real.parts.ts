import { KafkaServer } from '../../test/support/kafka.server.js';
import { RedisServer, redisVersion } from '../../test/support/redis.server.js';
import type { RealPart } from '../bench.case.js';

/** Kafka and Redis as the cases need them: those that were named, or our own, which end with this process. */
export interface RealParts {
  readonly brokers: readonly string[];
  readonly redisUrl: string;
  /** Their versions, of those that were needed. */
  readonly versions: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function startRealParts(needed: ReadonlySet<RealPart>): Promise<RealParts> {
  const { KAFKA_BROKERS, REDIS_URL } = process.env;
  const [kafka, redis] = await Promise.all([
    needed.has('kafka') && !KAFKA_BROKERS ? KafkaServer.start({ properties: AS_BY_DEFAULT, java: [] }) : undefined,
    needed.has('redis') && !REDIS_URL ? RedisServer.start() : undefined,
  ]);
  const brokers = needed.has('kafka') ? (KAFKA_BROKERS ?? kafka!.addresses).split(',') : [];
  const redisUrl = needed.has('redis') ? (REDIS_URL ?? redis!.url) : '';
  const stop = async (): Promise<void> => {
    await Promise.all([kafka?.stop(), redis?.stop()]);
  };
  const versions = {
    ...(needed.has('kafka') && { Kafka: kafka?.version ?? 'as KAFKA_BROKERS has it' }),
    ...(needed.has('redis') && { Redis: await redisVersion(redisUrl) }),
  };
  return { brokers, redisUrl, versions, stop };
}

/** What the tests' broker has less of than others: a thousand groups at a time want more than one coordinating partition. */
const AS_BY_DEFAULT = { 'offsets.topic.num.partitions': 50 };
