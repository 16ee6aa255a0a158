import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import { connected, foreignKafka, fresh, kafkaOptions, openAdmin } from './fixtures/log.adapters.js';
import { startApp } from './support/app.js';
import { RawClient, type RawFrame } from './support/raw.client.js';

const EVENT = { ce_specversion: '1.0', ce_id: '1', ce_source: '/test', ce_type: 'event.Bid.Created' };

/** A gateway on a topic of its own, with so little memory that all that was missed is read from the log. */
async function start(topic = fresh('auction'), epoch = '1') {
  const kafka = { brokers: inject('kafkaBrokers').split(','), createTopics: { partitions: 3, replicationFactor: 1 } };
  const gateway = { topics: [topic], broadcast: { '*': 'data' } as const, limits: { ring: 1 }, epoch };
  const { url, stop } = await startApp({ kafka, gateway });
  const [log] = await connected([new KafkaMessageLog(kafkaOptions())]);
  const admin = await openAdmin();
  await admin.fetchTopicOffsets(topic); // kafkajs does nothing to a topic that it has not met
  /** Writes events whose data are these numbers. */
  const write = async (numbers: readonly number[], partition = 0): Promise<void> => {
    for (const number of numbers)
      await log!.publish({ topic, partition, key: 'lot-1', value: String(number), headers: EVENT });
  };
  return { topic, url, stop, write, admin };
}

function hello(topic: string, positions: Record<number, string>, epoch?: string): Record<string, unknown> {
  return { channels: [topic], positions: { [topic]: positions }, ...(epoch !== undefined && { epoch }) };
}

async function until(client: RawClient, isLast: (frame: RawFrame) => boolean): Promise<RawFrame[]> {
  const taken: RawFrame[] = [];
  do taken.push(await client.next(() => true));
  while (!isLast(taken.at(-1)!));
  return taken;
}

const recovered = ({ event }: RawFrame): boolean => event === 'recovered';
const numbersIn = (frames: readonly RawFrame[]): number[] => frames.flatMap(({ data }) => (data.at ? [data.data] : []));

/** Writes events within a transaction that stays open until it is ended. */
async function transact(topic: string, numbers: readonly number[]) {
  const producer = foreignKafka().producer({ transactionalId: fresh('tx'), idempotent: true, maxInFlightRequests: 1 });
  onTestFinished(() => producer.disconnect());
  await producer.connect();
  const transaction = await producer.transaction();
  const messages = numbers.map((number) => ({ value: String(number), partition: 0, headers: EVENT }));
  await transaction.send({ topic, messages });
  return transaction;
}

describe.skipIf(inject('kafkaBrokers') === '')('a client that was away from Kafka', { timeout: 60_000 }, () => {
  it('gets all of a partition that was added meanwhile, though its gateway has not heard of it', async () => {
    const { topic, url, write, admin } = await start();
    await write([1]);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] });
    await expect
      .poll(
        () =>
          write([2, 3], 3).then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);

    const back = await RawClient.welcome(url, hello(topic, { 0: '-1', 1: '-1', 2: '-1' }));

    const taken = await until(back, recovered);
    expect(numbersIn(taken)).toEqual([1, 2, 3]);
    expect(taken.at(-1)!.data).toEqual({ topic, complete: true, count: 3 });
  });

  it('goes on where it was in a partition that only the gateway before had heard of', async () => {
    const { topic, url, write, admin } = await start();
    await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] });
    await expect
      .poll(
        () =>
          write([1, 2], 3).then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);

    const back = await RawClient.welcome(url, hello(topic, { 0: '-1', 1: '-1', 2: '-1', 3: '0' }));

    const taken = await until(back, recovered);
    expect(numbersIn(taken)).toEqual([2]);
    expect(taken.at(-1)!.data).toEqual({ topic, complete: true, count: 1 });
  });

  it('misses nothing for aborted records and markers at both ends of what it missed', async () => {
    const { topic, url, write } = await start();
    await (await transact(topic, [-1, -1])).abort();
    await write([1]);
    await (await transact(topic, [2])).commit();
    await (await transact(topic, [-1])).abort();

    const back = await RawClient.welcome(url, hello(topic, { 0: '-1', 1: '-1', 2: '-1' }));

    const taken = await until(back, recovered);
    expect(numbersIn(taken)).toEqual([1, 2]);
    expect(taken.at(-1)!.data).toEqual({ topic, complete: true, count: 2 });
    await write([3]);
    expect(numbersIn(await until(back, ({ data }) => data.data === 3))).toEqual([3]);
  });

  it('gets live what an open transaction held back', async () => {
    const { topic, url, write } = await start();
    await write([1]);
    const open = await transact(topic, [2]);
    await write([3]);

    const back = await RawClient.welcome(url, hello(topic, { 0: '-1', 1: '-1', 2: '-1' }));

    expect(numbersIn(await until(back, recovered))).toEqual([1]);
    await open.commit();
    expect(numbersIn(await until(back, ({ data }) => data.data === 3))).toEqual([2, 3]);
  });

  it('is told of what retention took, before anything that comes after it', async () => {
    const { topic, url, write, admin } = await start();
    await write([1, 2, 3, 4]);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });

    const back = await RawClient.welcome(url, hello(topic, { 0: '-1', 1: '-1', 2: '-1' }));

    const taken = await until(back, recovered);
    expect(taken[0]).toEqual({ event: 'incomplete', data: { topic, reason: 'retention' } });
    expect(numbersIn(taken)).toEqual([3, 4]);
    expect(taken.at(-1)!.data).toEqual({ topic, complete: false, reason: 'retention', count: 2 });
  });

  it('finds another log under the name of a topic that was made anew, by the epoch that was raised', async () => {
    const first = await start();
    const { topic, admin } = first;
    await first.write([1, 2]);
    const { epoch } = (await RawClient.welcome(first.url)).welcomed;
    await first.stop();
    await admin.deleteTopics({ topics: [topic] });
    await expect.poll(() => admin.listTopics(), { timeout: 20_000 }).not.toContain(topic);
    const { url, write } = await start(topic, '2');
    await write([3, 4, 5]);

    const back = await RawClient.welcome(url, hello(topic, { 0: '1', 1: '-1', 2: '-1' }, epoch));

    expect((await until(back, recovered)).map(({ data }) => data)).toEqual([
      { topic, complete: false, reason: 'epoch', count: 0 },
    ]);
    await write([6]);
    expect(numbersIn(await until(back, ({ data }) => data.data === 6)).at(-1)).toBe(6);
  });

  it('is told that nothing can be had of a topic that was deleted', async () => {
    const { topic, url, write, admin } = await start();
    await write([1]);
    await admin.deleteTopics({ topics: [topic] });
    await expect.poll(() => admin.listTopics(), { timeout: 20_000 }).not.toContain(topic);

    const back = await RawClient.welcome(url, hello(topic, { 0: '-1', 1: '-1', 2: '-1' }));

    expect((await until(back, recovered)).at(-1)!.data).toEqual({
      topic,
      complete: false,
      reason: 'retention',
      count: 0,
    });
  });
});
