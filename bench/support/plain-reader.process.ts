import { randomUUID } from 'node:crypto';
import { type EachBatchPayload, Kafka, logLevel } from 'kafkajs';
import { answer } from './child.process.js';
import { now } from './clock.js';
import { processUse } from './process.use.js';

const answers = {
  ...processUse,

  /**
   * Reads so many records with kafkajs alone, and looks at none of them.
   * @returns what it took from when it had joined its group, in milliseconds, by the clock and by the processor
   */
  async read(brokers: readonly string[], topic: string, count: number): Promise<{ took: number; cpu: number }> {
    const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
    const consumer = kafka.consumer({ groupId: `reader-${randomUUID()}` });
    const begin = { clock: now(), cpu: processUse.cpu() };
    consumer.on(consumer.events.GROUP_JOIN, () => Object.assign(begin, { clock: now(), cpu: processUse.cpu() }));
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    let read = 0;
    await new Promise<void>((resolve, reject) => {
      const eachBatch = async ({ batch }: EachBatchPayload): Promise<void> => {
        read += batch.messages.length;
        if (read >= count) resolve();
      };
      consumer.run({ autoCommit: false, eachBatch }).catch(reject);
    });
    const cost = { took: now() - begin.clock, cpu: processUse.cpu() - begin.cpu };
    await consumer.disconnect();
    return cost;
  },
};

export type PlainReader = typeof answers;

answer(answers);
