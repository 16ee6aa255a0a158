import { expect, it, vi } from 'vitest';
import { connected, fill, fresh, kafkaOptions, newTopic } from './fixtures/log.adapters.js';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import { isGone } from './support/alive.bytes.js';
import { describeWithKafka } from './support/real.parts.js';

describeWithKafka('a range that was read', () => {
  it('is not kept alive, up to a megabyte for each broker, until the next one is read', async () => {
    const [log] = await connected([new KafkaMessageLog(kafkaOptions({ clientId: fresh('ranges') }))]);
    const topic = await newTopic(log!);
    await fill(log!, topic, 3);

    const read = async (): Promise<WeakRef<Buffer>> => {
      for await (const { records } of log!.read({ topic, partition: 0, from: 0n, to: 3n }))
        return new WeakRef(records[0]!.value!);
      throw new Error('Nothing was read.');
    };
    const value = await read();

    await vi.waitUntil(() => isGone(value), { timeout: 10_000 });
    expect(await isGone(value)).toBe(true);
  });
});
