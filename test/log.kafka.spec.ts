import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { KafkaMessageLog } from '../lib/log/kafka/kafka.message.log.js';
import {
  connected,
  eventually,
  fill,
  foreignKafka,
  fresh,
  heldBy,
  kafkaOptions,
  Member,
  newTopic,
  numbers,
  openAdmin,
  readAll,
  Received,
  record,
  valuesOf,
} from './fixtures/log.adapters.js';

const skip = inject('kafkaBrokers') === '';

async function openLog(overrides: Parameters<typeof kafkaOptions>[0] = {}): Promise<KafkaMessageLog> {
  const [log] = await connected([new KafkaMessageLog(kafkaOptions(overrides))]);
  return log!;
}

/** Writes within a transaction, which leaves a marker in the log. */
async function transact(topic: string, values: readonly string[], end: 'commit' | 'abort'): Promise<void> {
  const producer = foreignKafka().producer({ transactionalId: fresh('tx'), idempotent: true, maxInFlightRequests: 1 });
  onTestFinished(() => producer.disconnect());
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: values.map((value) => ({ value, partition: 0 })) });
  await transaction[end]();
}

describe.skipIf(skip)('records that do not count', () => {
  it('are passed by: a range that ends with aborted records and markers ends', async () => {
    const log = await openLog();
    const topic = await newTopic(log);
    await fill(log, topic, 3);
    await transact(topic, ['never', 'never'], 'abort');
    await transact(topic, ['counts'], 'commit');
    await transact(topic, ['never'], 'abort');

    const [{ end } = { end: 0n }] = await log.offsets(topic);
    const records = await readAll(log, { topic, partition: 0, from: 0n, to: end });

    expect(end).toBe(3n + 3n + 2n + 2n);
    expect(valuesOf(records)).toEqual(['0', '1', '2', 'counts']);
    expect(records.at(-1)!.offset).toBe(6n);
  });

  it('do not keep a reader of all partitions from catching up', async () => {
    const log = await openLog();
    const topic = await newTopic(log);
    await fill(log, topic, 1);
    await transact(topic, ['never', 'never'], 'abort');
    const seen = new Received();

    const tail = await log.tail({ topics: [topic], since: 0, onBatch: seen.take });
    await tail.caughtUp;
    await log.publish(record(topic, 'live'));

    expect(await seen.until(2)).toEqual(['0', 'live']);
  });

  it('are passed by in a group too, where only they are there', async () => {
    const log = await openLog();
    const topic = await newTopic(log);
    await transact(topic, ['never'], 'abort');
    const member = new Member();

    await log.consume(fresh('group'), [topic], member);
    await transact(topic, ['counts'], 'commit');

    expect(await member.until(1)).toEqual(['counts']);
  });

  it('of a transaction that is still open come when it is committed, not before and not never', async () => {
    const log = await openLog();
    const topic = await newTopic(log);
    const producer = foreignKafka().producer({
      transactionalId: fresh('tx'),
      idempotent: true,
      maxInFlightRequests: 1,
    });
    onTestFinished(() => producer.disconnect());
    await producer.connect();
    const transaction = await producer.transaction();
    const seen = new Received();
    await log.publish(record(topic, 'before'));
    await transaction.send({ topic, messages: [{ value: 'within', partition: 0 }] });
    await log.publish(record(topic, 'behind'));

    expect((await log.offsets(topic))[0]!.end).toBe(1n);
    const tail = await log.tail({ topics: [topic], since: 0, onBatch: seen.take });
    await tail.caughtUp;
    expect(seen.values).toEqual(['before']);
    await transaction.commit();

    expect(await seen.until(3)).toEqual(['before', 'within', 'behind']);
  });
});

describe.skipIf(skip)('partitions that are added', () => {
  it('are read from their start by whoever reads all', async () => {
    const log = await openLog();
    const topic = await newTopic(log);
    const admin = await openAdmin();
    const seen = new Received();
    const tail = await log.tail({ topics: [topic], since: Date.now() + 60_000, onBatch: seen.take });
    await tail.caughtUp;

    await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
    await log.publish(record(topic, 'new', { partition: 4 }));

    expect(await seen.until(1)).toEqual(['new']);
    expect(seen.records[0]!.partition).toBe(4);
  });

  it('are dealt to the group', async () => {
    const log = await openLog();
    const topic = await newTopic(log);
    const admin = await openAdmin();
    const member = new Member();
    await log.consume(fresh('group'), [topic], member);
    await member.holds(3);

    await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] });

    await member.holds(4);
    await log.publish(record(topic, 'new', { partition: 3 }));
    expect(await member.until(1)).toEqual(['new']);
  });
});

describe.skipIf(skip)('a record that the broker refuses', () => {
  it('is refused alone, and its neighbours are written in their order', async () => {
    const log = await openLog();
    const topic = await newTopic(log);
    const huge = 'x'.repeat(2 * 1024 * 1024);

    const results = await Promise.allSettled([
      log.publish(record(topic, '0')),
      log.publish(record(topic, huge)),
      log.publish(record(topic, '1')),
      log.publish(record(topic, 'elsewhere', { partition: 1 })),
    ]);

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: 'record_refused', temporary: false } });
    expect(valuesOf(await readAll(log, { topic, partition: 0, from: 0n, to: 2n }))).toEqual(['0', '1']);
    expect(log.trouble).toBeUndefined();
  });

  it('is found among others that only the topic finds too large', async () => {
    const log = await openLog();
    const topic = fresh('small');
    const admin = await openAdmin();
    const configEntries = [{ name: 'max.message.bytes', value: '2000' }];
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] });

    const values = ['a'.repeat(900), 'b'.repeat(3_000), 'c'.repeat(900), 'd'.repeat(900), 'e'.repeat(900)];
    const results = await Promise.allSettled(values.map((value) => log.publish(record(topic, value))));

    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
    const stored = valuesOf(await readAll(log, { topic, partition: 0, from: 0n, to: 4n }));
    expect(stored.map((value) => value[0])).toEqual(['a', 'c', 'd', 'e']);
  });
});

describe.skipIf(skip)('what waits for the brokers', () => {
  it('is bounded in number and in bytes, and refused at once beyond', async () => {
    const few = await openLog({ maxQueued: 3 });
    const small = await openLog({ maxQueuedBytes: 1_000 });
    const topic = await newTopic(few);

    const many = await Promise.allSettled(numbers(5).map((value) => few.publish(record(topic, value))));
    const large = await Promise.allSettled([900, 900].map((size) => small.publish(record(topic, 'x'.repeat(size)))));

    expect(many.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect(large.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(many[4]).toMatchObject({ reason: { code: 'log_unavailable', sent: false, temporary: true } });
    await few.publish(record(topic, 'there is room again'));
  });

  it('is never a record that is larger than all may be together: that is refused for good', async () => {
    const log = await openLog({ maxQueuedBytes: 1_000 });
    const topic = await newTopic(log);

    const publishing = log.publish(record(topic, 'x'.repeat(2_000)));

    await expect(publishing).rejects.toMatchObject({ code: 'record_refused', temporary: false });
  });

  it('is written before the log closes', async () => {
    const [log, other] = [await openLog(), await openLog()];
    const topic = await newTopic(log);

    const publishing = fill(log, topic, 500);
    await log.close();

    expect(await publishing).toHaveLength(500);
    expect((await other.offsets(topic))[0]!.end).toBe(500n);
  });
});

describe.skipIf(skip)('topics', () => {
  it('are looked for at the same time without a warning of too many listeners', async () => {
    const warnings: Error[] = [];
    const take = (warning: Error): void => void warnings.push(warning);
    process.on('warning', take);
    onTestFinished(() => void process.off('warning', take));
    const log = await openLog();

    const publishing = numbers(15).map((value) => log.publish(record(fresh('none'), value)));
    await Promise.allSettled(publishing);

    expect(warnings).toEqual([]);
  });

  it('that are missing are named where they may not be made', async () => {
    const log = await openLog({ createTopics: false });
    const [one, other] = [fresh('one'), fresh('other')];

    const ensuring = log.ensureTopics([one, other]);

    await expect(ensuring).rejects.toMatchObject({ code: 'topics_missing', message: expect.stringContaining(other) });
    const message = expect.stringContaining(one) as string;
    await expect(log.ensureTopics([one])).rejects.toMatchObject({ code: 'topics_missing', message });
  });

  it('that cannot be made are named with the reason', async () => {
    const createTopics = { partitions: 1, replicationFactor: 7 };
    const log = await openLog({ createTopics });
    const topic = fresh('seven');

    await expect(log.ensureTopics([topic])).rejects.toMatchObject({
      code: 'topics_missing',
      message: expect.stringMatching(new RegExp(`${topic}.*INVALID_REPLICATION_FACTOR`)),
    });
  });

  it('that are deleted do not stop what goes on with others', async () => {
    const log = await openLog();
    const [gone, kept] = [await newTopic(log), await newTopic(log)];
    const admin = await openAdmin();
    const seen = new Received();
    await Promise.all([log.publish(record(gone, 'x')), log.publish(record(kept, '0'))]);
    const tail = await log.tail({ topics: [gone, kept], since: Date.now() + 60_000, onBatch: seen.take });
    await tail.caughtUp;

    await admin.deleteTopics({ topics: [gone] });
    const late = (): Promise<unknown> => log.publish(record(gone, 'too late'));
    await eventually(() => expect(late()).rejects.toMatchObject({ code: 'topics_missing' })); // the broker learns it a little later
    await log.publish(record(kept, '1'));

    expect(await seen.until(1)).toEqual(['1']);
    expect(valuesOf(await readAll(log, { topic: kept, partition: 0, from: 0n, to: 2n }))).toEqual(['0', '1']);
  });
});

describe.skipIf(skip)('a member of a group that lost a partition to another one', () => {
  it('commits nothing for it any more, during the rebalance and after it', async () => {
    const [log, other] = [await openLog(), await openLog()];
    const topic = await newTopic(log);
    const group = fresh('group');
    await fill(log, topic, 10);
    const [first, second, third] = [new Member(false), new Member(false), new Member()];
    const reading = await log.consume(group, [topic], first);
    await first.until(10);
    const lost = first.current(0);
    lost.commit(2n);

    const joined = await other.consume(group, [topic], second);
    await eventually(() => expect(lost.signal.aborted).toBe(true));
    lost.commit(9n);
    await eventually(() => expect(heldBy(first, second)).toEqual([0, 1, 2]));
    lost.commit(10n);
    const still = first.held.find((partition) => partition !== 0)!;
    first.current(still).commit(3n); // a marker: it is sent after whatever was noted before it
    const admin = await openAdmin();
    await eventually(async () => {
      const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      expect(offsets!.partitions.find(({ partition }) => partition === still)!.offset).toBe('3');
    });
    await reading.stop();
    await joined.stop();
    await log.consume(group, [topic], third);

    await third.holds(3);
    expect(third.current(0).position).toBe(2n);
  });
});
