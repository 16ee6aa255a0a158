import { describe, expect, it } from 'vitest';
import type { RecordBatch } from '../lib/message/record.js';
import {
  fill,
  fresh,
  kafkaAdapter,
  memoryAdapter,
  newTopic,
  numbers,
  readAll,
  record,
  valuesOf,
} from './fixtures/log.adapters.js';

for (const adapter of [memoryAdapter, kafkaAdapter]) {
  describe.skipIf(adapter.skip)(`reading a range (${adapter.name})`, () => {
    it('yields exactly what lies in it, in order, and says where to go on', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await fill(log!, topic, 3_000);

      const batches: RecordBatch[] = [];
      for await (const batch of log!.read({ topic, partition: 0, from: 7n, to: 2_500n })) batches.push(batch);

      expect(valuesOf(batches.flatMap(({ records }) => records))).toEqual(numbers(2_493, 7));
      expect(batches.at(-1)!.next).toBe(2_500n);
      expect(batches.every((batch) => batch.topic === topic && batch.partition === 0)).toBe(true);
    });

    it('yields nothing where it is empty', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await fill(log!, topic, 3);

      expect(await readAll(log!, { topic, partition: 0, from: 2n, to: 2n })).toEqual([]);
      expect(await readAll(log!, { topic, partition: 0, from: 3n, to: 1n })).toEqual([]);
    });

    it('starts at the oldest record where retention has taken the beginning', async () => {
      const { log, topic } = await adapter.openAfterRetention();

      expect(valuesOf(await readAll(log, { topic, partition: 0, from: 2n, to: 8n }))).toEqual(['5', '6', '7']);
    });

    it('ends where retention has taken all of it', async () => {
      const { log, topic } = await adapter.openAfterRetention();

      expect(await readAll(log, { topic, partition: 0, from: 1n, to: 4n })).toEqual([]);
    });

    it('waits for what is not written yet', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await fill(log!, topic, 2);

      const reading = log!.read({ topic, partition: 0, from: 0n, to: 3n })[Symbol.asyncIterator]();
      const first = await reading.next();
      const last = reading.next();
      await log!.publish(record(topic, '2'));

      expect(valuesOf((first.value as RecordBatch).records)).toEqual(['0', '1']);
      expect(valuesOf(((await last).value as RecordBatch).records)).toEqual(['2']);
      expect((await reading.next()).done).toBe(true);
    });

    it('ends with the reason of its signal, while it waits and before it begins', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      const gone = new AbortController();

      const waiting = log!.read({ topic, partition: 0, from: 0n, to: 1n }, gone.signal)[Symbol.asyncIterator]().next();
      gone.abort(new Error('the client is gone'));

      await expect(waiting).rejects.toThrow('the client is gone');
      const late = log!.read({ topic, partition: 0, from: 0n, to: 1n }, gone.signal)[Symbol.asyncIterator]().next();
      await expect(late).rejects.toThrow('the client is gone');
    });

    it('can be left early', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await fill(log!, topic, 3_000);

      for await (const batch of log!.read({ topic, partition: 0, from: 0n, to: 1_000_000n })) {
        expect(batch.records[0]!.offset).toBe(0n);
        break;
      }

      expect(valuesOf(await readAll(log!, { topic, partition: 0, from: 1n, to: 2n }))).toEqual(['1']);
    });

    it('goes on side by side with many others, of the same and of other partitions', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await Promise.all([0, 1, 2].map((partition) => fill(log!, topic, 200, partition)));

      const ranges = Array.from({ length: 60 }, (_, index) => ({
        topic,
        partition: index % 3,
        from: BigInt(index),
        to: BigInt(index + 50),
      }));
      const read = await Promise.all(ranges.map((range) => readAll(log!, range)));

      expect(read.map(valuesOf)).toEqual(ranges.map(({ from }) => numbers(50, Number(from))));
    });

    it('of a topic or a partition that is not there is an error that names it', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      const none = fresh('none');

      const elsewhere = readAll(log!, { topic: none, partition: 0, from: 0n, to: 1n });
      await expect(elsewhere).rejects.toMatchObject({ code: 'topics_missing', message: expect.stringContaining(none) });
      const tooHigh = readAll(log!, { topic, partition: 9, from: 0n, to: 1n });
      await expect(tooHigh).rejects.toMatchObject({ code: 'record_refused', message: expect.stringContaining(topic) });
    });
  });
}
