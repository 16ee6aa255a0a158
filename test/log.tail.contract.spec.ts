import { describe, expect, it, vi } from 'vitest';
import type { RecordBatch } from '../lib/message/record.js';
import {
  eventually,
  fill,
  fresh,
  kafkaAdapter,
  memoryAdapter,
  newTopic,
  numbers,
  Received,
  record,
} from './fixtures/log.adapters.js';

for (const adapter of [memoryAdapter, kafkaAdapter]) {
  describe.skipIf(adapter.skip)(`reading all partitions (${adapter.name})`, () => {
    it('brings every record of every topic, in the order of its partition, those before and those after it started', async () => {
      const [log] = await adapter.open();
      const topics = [await newTopic(log!), await newTopic(log!)];
      const publishAll = (from: number) =>
        Promise.all(
          topics.flatMap((topic) =>
            [0, 1, 2].flatMap((partition) =>
              numbers(50, from).map((value) => log!.publish(record(topic, value, { partition }))),
            ),
          ),
        );
      await publishAll(0);
      const seen = new Received();

      const tail = await log!.tail({ topics, since: 0, onBatch: seen.take });
      await tail.caughtUp;
      expect(seen.records).toHaveLength(300);
      await publishAll(50);
      await seen.until(600);

      for (const topic of topics) {
        for (const partition of [0, 1, 2]) {
          const part = seen.records.filter((one) => one.topic === topic && one.partition === partition);
          expect(part.map(({ value }) => String(value))).toEqual(numbers(100));
          expect(part.map(({ offset }) => offset)).toEqual(numbers(100).map(BigInt));
        }
      }
    });

    it('tells of what retention took before it could be read, and reads on behind it', async () => {
      const { log, topic, expire } = await adapter.openKeepingFive();
      await fill(log, topic, 1);
      const seen = new Received();
      const lost = vi.fn();
      let release!: () => void;
      const held = new Promise<void>((resolve) => (release = resolve));
      const onBatch = async (batch: RecordBatch): Promise<void> => {
        seen.take(batch);
        await held;
      };
      await log.tail({ topics: [topic], since: 0, onBatch, onLost: lost });
      await seen.until(1);

      await fill(log, topic, 9);
      await expire();
      release();

      expect(await seen.until(6)).toEqual(['0', '4', '5', '6', '7', '8']);
      expect(lost.mock.calls).toEqual([[{ topic, partition: 0, from: 1n, to: 5n }]]);
    });

    it('begins with the first record at or after a time', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await log!.publish(record(topic, 'before'));
      const since = Date.now() + 5;
      await eventually(() => expect(Date.now()).toBeGreaterThan(since));
      await log!.publish(record(topic, 'after'));
      const seen = new Received();

      const tail = await log!.tail({ topics: [topic], since, onBatch: seen.take });
      await tail.caughtUp;

      expect(seen.values).toEqual(['after']);
    });

    it('has caught up at once where nothing is to be read', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await fill(log!, topic, 3);
      const seen = new Received();

      const tail = await log!.tail({ topics: [topic], since: Date.now() + 60_000, onBatch: seen.take });
      await tail.caughtUp;
      await log!.publish(record(topic, 'new'));

      expect(await seen.until(1)).toEqual(['new']);
    });

    it('has not caught up before the reader is done with what it has', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await fill(log!, topic, 3);
      const order: string[] = [];
      let goOn!: () => void;
      const held = new Promise<void>((resolve) => (goOn = resolve));

      const tail = await log!.tail({
        topics: [topic],
        since: 0,
        onBatch: async () => {
          order.push('began');
          await held;
          order.push('done');
        },
      });
      const caughtUp = tail.caughtUp.then(() => order.push('caught up'));
      await eventually(() => expect(order).toEqual(['began']));
      goOn();
      await caughtUp;

      expect(order).toEqual(['began', 'done', 'caught up']);
    });

    it('waits for the reader of one partition and goes on with the others', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      const seen = new Received();
      let goOn!: () => void;
      const held = new Promise<void>((resolve) => (goOn = resolve));
      await log!.tail({
        topics: [topic],
        since: 0,
        onBatch: async (batch) => {
          seen.take(batch);
          if (batch.partition === 0) await held;
        },
      });

      await log!.publish(record(topic, 'slow'));
      await seen.until(1);
      await log!.publish(record(topic, 'behind it'));
      await log!.publish(record(topic, 'elsewhere', { partition: 1 }));
      expect(await seen.until(2)).toEqual(['slow', 'elsewhere']);
      await log!.publish(record(topic, 'marker', { partition: 2 }));
      expect(await seen.until(3)).toEqual(['slow', 'elsewhere', 'marker']);
      goOn();

      expect(await seen.until(4)).toEqual(['slow', 'elsewhere', 'marker', 'behind it']);
    });

    it('brings the same records again to a reader that failed, and says so meanwhile', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      const seen = new Received();
      let failures = 1;
      await log!.tail({
        topics: [topic],
        since: 0,
        onBatch: (batch) => {
          seen.take(batch);
          if (failures-- > 0) throw new Error('not today');
        },
      });

      await log!.publish(record(topic, 'x'));
      await eventually(() => expect(log!.trouble).toContain('not today'));

      expect(await seen.until(2)).toEqual(['x', 'x']);
      await eventually(() => expect(log!.trouble).toBeUndefined());
    });

    it('brings nothing after it was stopped, which may be said twice', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      const stopped = new Received();
      const marked = new Received();
      const tail = await log!.tail({ topics: [topic], since: 0, onBatch: stopped.take });
      await tail.caughtUp;

      await tail.stop();
      await tail.stop();
      await log!.tail({ topics: [topic], since: 0, onBatch: marked.take });
      await log!.publish(record(topic, 'late'));
      await marked.until(1);

      expect(stopped.values).toEqual([]);
    });

    it('that is stopped too early has not caught up', async () => {
      const [log] = await adapter.open();
      const topic = await newTopic(log!);
      await fill(log!, topic, 1);

      const tail = await log!.tail({ topics: [topic], since: 0, onBatch: () => new Promise(() => undefined) });
      await tail.stop();

      await expect(tail.caughtUp).rejects.toMatchObject({ code: 'log_unavailable' });
    });

    it('is refused for a topic that is not there', async () => {
      const [log] = await adapter.open();
      const none = fresh('none');

      const tailing = log!.tail({ topics: [none], since: 0, onBatch: () => undefined });

      await expect(tailing).rejects.toMatchObject({ code: 'topics_missing', message: expect.stringContaining(none) });
    });
  });
}
