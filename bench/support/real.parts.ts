import { KafkaServer } from '../../test/support/kafka.server.js';
import { RedisServer } from '../../test/support/redis.server.js';
import type { RealPart } from '../bench.case.js';

/** Kafka and Redis as the cases need them: those that were named, or our own, which end with this process. */
export interface RealParts {
  readonly brokers: readonly string[];
  readonly redisUrl: string;
  stop(): Promise<void>;
}

export async function startRealParts(needed: ReadonlySet<RealPart>): Promise<RealParts> {
  const { KAFKA_BROKERS, REDIS_URL } = process.env;
  const [kafka, redis] = await Promise.all([
    needed.has('kafka') && !KAFKA_BROKERS ? KafkaServer.start({ properties: AS_BY_DEFAULT }) : undefined,
    needed.has('redis') && !REDIS_URL ? RedisServer.start() : undefined,
  ]);
  const brokers = needed.has('kafka') ? (KAFKA_BROKERS ?? kafka!.addresses).split(',') : [];
  const redisUrl = needed.has('redis') ? (REDIS_URL ?? redis!.url) : '';
  const stop = async (): Promise<void> => {
    await Promise.all([kafka?.stop(), redis?.stop()]);
  };
  return { brokers, redisUrl, stop };
}

/** What the tests' broker has less of than others: a thousand groups at a time want more than one coordinating partition. */
const AS_BY_DEFAULT = { 'offsets.topic.num.partitions': 50 };
