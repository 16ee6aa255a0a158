import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';

/** The type of records that concern nobody: a command that has no handler and no client. */
export const NOISE = 'command.Noise';

const AT_ONCE = 2_000;

/** Writes so many records that concern nobody, over all partitions of a topic. They are told by their headers. */
export async function makeNoise(brokers: string, topic: string, records: number): Promise<void> {
  const producer = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  try {
    for (let left = records; left > 0; left -= AT_ONCE) {
      const messages = Array.from({ length: Math.min(left, AT_ONCE) }, noise);
      await producer.send({ topic, acks: -1, messages });
    }
  } finally {
    await producer.disconnect();
  }
}

function noise() {
  const id = randomUUID();
  return {
    key: id,
    value: '{}',
    headers: {
      ce_specversion: '1.0',
      ce_id: id,
      ce_source: '/noise',
      ce_type: NOISE,
      'content-type': 'application/json',
    },
  };
}
