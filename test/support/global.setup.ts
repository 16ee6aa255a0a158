import type { TestProject } from 'vitest/node';
import { chromiumVersion, findChromium } from './chromium.js';
import { describeKafka, KafkaServer } from './kafka.server.js';
import { RedisServer, redisVersion } from './redis.server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** `host:port` of real Kafka brokers, comma separated; empty if none could be had. */
    kafkaBrokers: string;
    /** `redis://…` of a real Redis; empty if none could be had. */
    redisUrl: string;
    /** Path of a real Chromium; empty if none could be had. */
    chromiumPath: string;
  }
}

/** A real part that the suites share: where it is, what it says it is, how it ends. */
interface Part {
  place: string;
  version: string;
  stop?: () => Promise<void>;
}

/** Starts Kafka, Redis and Chromium's search side by side before the first suite, and stops them after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [kafka, redis, chromium] = await Promise.all([
    obtain('Kafka', kafkaPart),
    obtain('Redis', redisPart),
    obtain('Chromium', chromiumPart),
  ]);
  project.provide('kafkaBrokers', kafka.place);
  project.provide('redisUrl', redis.place);
  project.provide('chromiumPath', chromium.place);
  return async () => {
    await Promise.all([kafka, redis, chromium].map(async (part) => part.stop?.()));
  };
}

async function kafkaPart(): Promise<Part> {
  const brokers = process.env.KAFKA_BROKERS;
  if (!brokers) {
    await KafkaServer.rehearse();
    const kafka = await KafkaServer.start();
    return { place: kafka.addresses, version: `Kafka ${kafka.version}`, stop: () => kafka.stop() };
  }
  // No request of the protocol tells a broker's version.
  const { clusterId } = await describeKafka(brokers);
  return { place: brokers, version: `Kafka (KAFKA_BROKERS, cluster ${clusterId})` };
}

async function redisPart(): Promise<Part> {
  const given = process.env.REDIS_URL;
  if (given) return { place: given, version: `Redis ${await redisVersion(given)}` };
  const redis = await RedisServer.start();
  return { place: redis.url, version: `Redis ${await redisVersion(redis.url)}`, stop: () => redis.stop() };
}

async function chromiumPart(): Promise<Part> {
  const path = await findChromium();
  return { place: path, version: await chromiumVersion(path) };
}

/** Never silent: on CI a missing part fails the run; elsewhere its suites are skipped, aloud. */
async function obtain(name: string, start: () => Promise<Part>): Promise<Part> {
  try {
    const part = await start();
    console.log(`${part.version} at ${withoutPassword(part.place)}`);
    return part;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (process.env.CI) throw new Error(`No real ${name} for the tests: ${reason}`, { cause: error });
    console.warn(`\n!!! NO REAL ${name.toUpperCase()}: every suite that needs it is SKIPPED.\n!!! ${reason}\n`);
    return { place: '', version: '' };
  }
}

function withoutPassword(place: string): string {
  return place.replace(/\/\/[^@/]*@/, '//***@');
}
