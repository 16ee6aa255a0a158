import { KafkaServer } from './kafka.server.js';
import { RedisServer } from './redis.server.js';
import { SampleProcess } from './sample.process.js';

/** A sample that is running, however many processes that takes. */
export interface RunningSample {
  url: string;
  /** Ends the process that handles commands, and starts it again afterwards. */
  withoutService(meanwhile: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** All in one process, and nothing kept outside of it. */
export async function startEmbedded(): Promise<RunningSample> {
  const sample = await SampleProcess.start();
  return { url: sample.url, withoutService: (meanwhile) => without(sample, meanwhile), stop: () => sample.stop() };
}

/** Gateway and service as two processes. The sample's topics have fixed names, so it gets a Kafka of its own. */
export async function startSplit(): Promise<RunningSample> {
  const [kafka, redis] = await Promise.all([KafkaServer.start(), RedisServer.start()]);
  const environment = { KAFKA_BROKERS: kafka.addresses, REDIS_URL: redis.url };
  const [gateway, service] = await Promise.all([
    SampleProcess.start({ ...environment, ROLE: 'gateway' }),
    SampleProcess.start({ ...environment, ROLE: 'service' }),
  ]);
  const stop = async () => {
    await Promise.all([gateway.stop(), service.stop()]);
    await Promise.all([kafka.stop(), redis.stop()]);
  };
  return { url: gateway.url, withoutService: (meanwhile) => without(service, meanwhile), stop };
}

async function without(sample: SampleProcess, meanwhile: () => Promise<void>): Promise<void> {
  await sample.halt();
  await meanwhile();
  await sample.restart();
}
