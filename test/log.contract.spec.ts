import { Partitioners } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { headerText } from '../lib/message/record.headers.js';
import {
  fill,
  fresh,
  kafkaAdapter,
  memoryAdapter,
  newTopic,
  numbers,
  PARTITIONS,
  readAll,
  record,
  valuesOf,
} from './fixtures/log.adapters.js';

for (const adapter of [memoryAdapter, kafkaAdapter]) {
  describe.skipIf(adapter.skip)(`a log (${adapter.name})`, () => {
    describe('publishing', () => {
      it('keeps the order of a partition, and says truly where each record stands', async () => {
        const [log] = await adapter.open();
        const topic = await newTopic(log!);

        const positions = await fill(log!, topic, 100);

        expect(positions).toEqual(numbers(100).map((value) => ({ topic, partition: 0, offset: BigInt(value) })));
        expect(valuesOf(await readAll(log!, { topic, partition: 0, from: 0n, to: 100n }))).toEqual(numbers(100));
      });

      it('does so for several publishers and partitions at once', async () => {
        const logs = await adapter.open(2);
        const topic = await newTopic(logs[0]!);

        const sent = numbers(300).map((value, index) => ({
          log: logs[index % 2]!,
          value,
          partition: index % PARTITIONS,
        }));
        const positions = await Promise.all(
          sent.map(({ log, value, partition }) => log.publish(record(topic, value, { partition }))),
        );

        for (let partition = 0; partition < PARTITIONS; partition++) {
          const stored = await readAll(logs[0]!, { topic, partition, from: 0n, to: 100n });
          const told = sent
            .map(({ value }, index) => ({ value, ...positions[index]! }))
            .filter((one) => one.partition === partition)
            .sort((a, b) => Number(a.offset - b.offset));
          expect(valuesOf(stored)).toEqual(told.map(({ value }) => value));
        }
      });

      it('puts equal keys into the partition that every Kafka client chooses', async () => {
        const [log] = await adapter.open();
        const topic = await newTopic(log!);
        const partitioner = Partitioners.DefaultPartitioner();
        const partitionMetadata = numbers(PARTITIONS).map((id) => ({ partitionId: Number(id), leader: 1 }) as never);

        for (const key of ['', 'a', 'order-17', '🦆', 'ClientSessionId-0123456789abcdef']) {
          const { partition } = await log!.publish(record(topic, 'x', { key, partition: undefined }));
          const message = { key, value: '' };
          expect(partition).toBe(partitioner({ topic, partitionMetadata, message }));
          expect(await log!.partitionFor(topic, key)).toBe(partition);
        }
      });

      it('spreads records without a key', async () => {
        const [log] = await adapter.open();
        const topic = await newTopic(log!);

        const positions = await Promise.all(
          numbers(PARTITIONS * 2).map((value) => log!.publish(record(topic, value, { partition: undefined }))),
        );

        expect(new Set(positions.map(({ partition }) => partition)).size).toBe(PARTITIONS);
      });

      it('carries null and empty keys and values, and any bytes', async () => {
        const [log] = await adapter.open();
        const topic = await newTopic(log!);
        const bytes = Buffer.from([0, 255, 128, 13, 10]);

        await log!.publish({ topic, partition: 0, key: null, value: null, headers: {} });
        await log!.publish({ topic, partition: 0, key: '', value: '', headers: {} });
        await log!.publish({ topic, partition: 0, key: bytes, value: bytes, headers: {} });

        const [nothing, empty, binary] = await readAll(log!, { topic, partition: 0, from: 0n, to: 3n });
        expect([nothing!.key, nothing!.value]).toEqual([null, null]);
        expect([empty!.key, empty!.value]).toEqual([Buffer.alloc(0), Buffer.alloc(0)]);
        expect([binary!.key, binary!.value]).toEqual([bytes, bytes]);
      });

      it('carries headers: text, bytes, repeated, oddly named; and leaves out those that are null', async () => {
        const [log] = await adapter.open();
        const topic = await newTopic(log!);
        const headers = {
          text: 'grün',
          bytes: Buffer.from([0, 200]),
          twice: ['one', Buffer.from('two')],
          once: ['single'],
          empty: '',
          constructor: 'not a function',
          nothing: null,
          absent: undefined,
        };

        await log!.publish(record(topic, 'x', { headers }));

        const [stored] = await readAll(log!, { topic, partition: 0, from: 0n, to: 1n });
        expect(Object.keys(stored!.headers).sort()).toEqual(['bytes', 'constructor', 'empty', 'once', 'text', 'twice']);
        expect(stored!.headers['bytes']).toEqual(Buffer.from([0, 200]));
        expect(stored!.headers['twice']).toEqual([Buffer.from('one'), Buffer.from('two')]);
        const texts = ['text', 'once', 'empty', 'constructor'].map((name) => headerText(stored!.headers[name]));
        expect(texts).toEqual(['grün', 'single', '', 'not a function']);
      });

      it('keeps what was published when the publisher changes its bytes afterwards', async () => {
        const [log] = await adapter.open();
        const topic = await newTopic(log!);
        const value = Buffer.from('before');

        const publishing = log!.publish(record(topic, '', { value }));
        value.write('after!');
        await publishing;

        expect(valuesOf(await readAll(log!, { topic, partition: 0, from: 0n, to: 1n }))).toEqual(['before']);
      });

      it('stamps records with the time', async () => {
        const [log] = await adapter.open();
        const topic = await newTopic(log!);
        const before = Date.now();

        await log!.publish(record(topic, 'x'));

        const [stored] = await readAll(log!, { topic, partition: 0, from: 0n, to: 1n });
        expect(stored!.timestamp).toBeGreaterThanOrEqual(before);
        expect(stored!.timestamp).toBeLessThanOrEqual(Date.now());
      });

      it('refuses a partition that is not there, and a topic that is not there', async () => {
        const [log] = await adapter.open();
        const topic = await newTopic(log!);

        await expect(log!.publish(record(topic, 'x', { partition: 7 }))).rejects.toMatchObject({
          code: 'record_refused',
        });
        await expect(log!.publish(record(fresh('none'), 'x'))).rejects.toMatchObject({
          code: 'topics_missing',
          temporary: false,
        });
      });
    });

    describe('offsets', () => {
      it('are those that each partition holds', async () => {
        const [log] = await adapter.open();
        const topic = await newTopic(log!);
        await fill(log!, topic, 4, 1);

        expect(await log!.offsets(topic)).toEqual([
          { partition: 0, start: 0n, end: 0n },
          { partition: 1, start: 0n, end: 4n },
          { partition: 2, start: 0n, end: 0n },
        ]);
      });

      it('begin later where retention has taken the oldest records', async () => {
        const { log, topic } = await adapter.openAfterRetention();

        expect((await log.offsets(topic))[0]).toEqual({ partition: 0, start: 5n, end: 10n });
      });

      it('are found by time: the first record at or after it, or the end', async () => {
        const [log] = await adapter.open();
        const topic = await newTopic(log!);
        await fill(log!, topic, 3);
        const [, , last] = await readAll(log!, { topic, partition: 0, from: 0n, to: 3n });

        const before = await log!.offsetsAt(topic, last!.timestamp - 60_000);
        const after = await log!.offsetsAt(topic, last!.timestamp + 60_000);

        expect(Object.fromEntries(before)).toEqual({ 0: 0n, 1: 0n, 2: 0n });
        expect(Object.fromEntries(after)).toEqual({ 0: 3n, 1: 0n, 2: 0n });
      });

      it('are those of some partitions, where these are asked for, as far as they are there', async () => {
        const [log] = await adapter.open();
        const topic = await newTopic(log!);
        await fill(log!, topic, 4, 1);

        expect(await log!.offsets(topic, [2, 1, 7])).toEqual([
          { partition: 1, start: 0n, end: 4n },
          { partition: 2, start: 0n, end: 0n },
        ]);
        expect(Object.fromEntries(await log!.offsetsAt(topic, 0, [1, 7]))).toEqual({ 1: 0n });
        expect(await log!.offsets(topic, [7])).toEqual([]);
      });

      it('of a topic that is not there are an error that names it', async () => {
        const [log] = await adapter.open();
        const topic = fresh('none');

        const ask = [
          () => log!.offsets(topic),
          () => log!.offsets(topic, [0]),
          () => log!.offsetsAt(topic, 0),
          () => log!.partitionFor(topic, 'k'),
        ];
        for (const asking of ask) {
          await expect(asking()).rejects.toMatchObject({
            code: 'topics_missing',
            message: expect.stringContaining(topic),
          });
        }
      });
    });

    describe('topics', () => {
      it('are made where they are missing, also by several at once, and left alone where they are there', async () => {
        const logs = await adapter.open(3);
        const topics = [fresh('a'), fresh('b')];

        await Promise.all(logs.map((log) => log.ensureTopics(topics)));
        await logs[0]!.publish(record(topics[0]!, 'kept'));
        await logs[1]!.ensureTopics(topics);

        expect((await logs[2]!.offsets(topics[0]!))[0]!.end).toBe(1n);
        expect(await logs[2]!.offsets(topics[1]!)).toHaveLength(PARTITIONS);
      });

      it('with names that no Kafka takes are refused', async () => {
        const [log] = await adapter.open();

        await expect(log!.ensureTopics(['fine', 'not/fine'])).rejects.toMatchObject({
          code: 'topics_missing',
          message: expect.stringContaining('not/fine'),
        });
      });
    });

    describe('a log that is closed, or was never connected', () => {
      it('refuses everything, and says that nothing was sent', async () => {
        const [log] = await adapter.open();
        const topic = await newTopic(log!);
        expect(log!.trouble).toBeUndefined();

        await log!.close();
        await log!.close();

        await expect(log!.publish(record(topic, 'x'))).rejects.toMatchObject({ code: 'log_unavailable', sent: false });
        await expect(log!.offsets(topic)).rejects.toMatchObject({ code: 'log_unavailable' });
        expect(log!.trouble).toBeTypeOf('string');
      });

      it('has stopped whoever read it', async () => {
        const [log, other] = await adapter.open(2);
        const topic = await newTopic(log!);
        const tail = await log!.tail({ topics: [topic], since: 0, onBatch: () => new Promise(() => undefined) });
        await fill(other!, topic, 1);
        const late = log!.read({ topic, partition: 1, from: 0n, to: 1n })[Symbol.asyncIterator]().next();
        late.catch(() => undefined);

        await log!.close();

        await expect(late).rejects.toMatchObject({ code: 'log_unavailable' });
        await tail.stop();
      });
    });

    it('has a name that is the same for all who share it', async () => {
      const [one, other] = await adapter.open(2);

      expect(one!.clusterId).toBe(other!.clusterId);
      expect(one!.clusterId.length).toBeGreaterThan(10);
    });
  });
}
