import { randomUUID } from 'node:crypto';
import { inject, onTestFinished } from 'vitest';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import { KafkaOptions, MemoryLogOptions, TopicCreationOptions } from '../lib/log/log.options.js';
import { MemoryBroker } from '../lib/log/memory/memory.broker.js';
import { MemoryMessageLog } from '../lib/log/memory/memory.message.log.js';
import type { MessageLog } from '../lib/log/message.log.js';

/** A log under test, and what only its adapter can do. */
export interface LogAdapter {
  readonly name: string;
  /** Where its broker cannot be had. */
  readonly skip: boolean;
  /** Connected logs of topics with three partitions, all on the same broker; closed when the test ends. */
  open(count?: number): Promise<[MessageLog, ...MessageLog[]]>;
}

export const PARTITIONS = 3;

export const memoryAdapter: LogAdapter = {
  name: 'memory',
  skip: false,
  async open(count = 1) {
    const options = Object.assign(new MemoryLogOptions(), { partitions: PARTITIONS });
    const broker = new MemoryBroker(options);
    return connected(Array.from({ length: count }, () => new MemoryMessageLog(options, broker)));
  },
};

export const kafkaAdapter: LogAdapter = {
  name: 'kafka',
  skip: inject('kafkaBrokers') === '',
  async open(count = 1) {
    return connected(Array.from({ length: count }, () => new KafkaMessageLog(kafkaOptions())));
  },
};

/** Options that make tests quick; no other values mean anything else. */
export function kafkaOptions(overrides: Partial<KafkaOptions> = {}): KafkaOptions {
  return Object.assign(new KafkaOptions(), {
    brokers: inject('kafkaBrokers').split(','),
    createTopics: Object.assign(new TopicCreationOptions(), { partitions: PARTITIONS }),
    fetchWait: 100,
    metadataMaxAge: 300,
    sessionTimeout: 6_000,
    ...overrides,
  });
}

/** A topic's or group's name that nobody else uses. */
export function fresh(name: string): string {
  return `${name}-${randomUUID()}`;
}

async function connected(logs: MessageLog[]): Promise<[MessageLog, ...MessageLog[]]> {
  onTestFinished(async () => {
    await Promise.all(logs.map((log) => log.close()));
  });
  await Promise.all(logs.map((log) => log.connect()));
  return logs as [MessageLog, ...MessageLog[]];
}
