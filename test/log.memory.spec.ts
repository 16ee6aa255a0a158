import { describe, expect, it } from 'vitest';
import { MemoryLogOptions } from '../lib/log/log.options.js';
import { MemoryBroker } from '../lib/log/memory/memory.broker.js';
import { MemoryMessageLog } from '../lib/log/memory/memory.message.log.js';
import {
  connected,
  fill,
  fresh,
  Member,
  newTopic,
  numbers,
  readAll,
  Received,
  record,
  valuesOf,
} from './fixtures/log.adapters.js';
import { isGone } from './support/alive.bytes.js';

describe('the log in memory', () => {
  it('never runs a reader within the call that publishes', async () => {
    const [log] = await connected([new MemoryMessageLog()]);
    const topic = await newTopic(log!);
    const seen = new Received();
    const tail = await log!.tail({ topics: [topic], since: 0, onBatch: seen.take });
    await tail.caughtUp;

    const publishing = log!.publish(record(topic, 'x'));
    expect(seen.values).toEqual([]);
    await publishing;

    expect(await seen.until(1)).toEqual(['x']);
  });

  it('keeps as many records of a partition as it may, however many were written', async () => {
    const [log] = await connected([new MemoryMessageLog(Object.assign(new MemoryLogOptions(), { retention: 100 }))]);
    const topic = await newTopic(log!);

    await fill(log!, topic, 5_000);

    expect((await log!.offsets(topic))[0]).toEqual({ partition: 0, start: 4_900n, end: 5_000n });
    expect(valuesOf(await readAll(log!, { topic, partition: 0, from: 0n, to: 5_000n }))).toEqual(numbers(100, 4_900));
  });

  it('lets go of a record as soon as it may not keep it any more', async () => {
    const [log] = await connected([new MemoryMessageLog(Object.assign(new MemoryLogOptions(), { retention: 2 }))]);
    const topic = await newTopic(log!);
    await fill(log!, topic, 2);
    const oldest = async () => new WeakRef((await readAll(log!, { topic, partition: 0, from: 0n, to: 1n }))[0]!);
    const first = await oldest();

    await fill(log!, topic, 1);

    expect(await isGone(first)).toBe(true);
  });

  it('moves a group on to the oldest record where retention has taken what it had not read', async () => {
    const [log] = await connected([new MemoryMessageLog(Object.assign(new MemoryLogOptions(), { retention: 10 }))]);
    const topic = await newTopic(log!);
    const group = fresh('group');
    const first = await log!.consume(group, [topic], new Member());
    await first.stop();
    await fill(log!, topic, 30);
    const member = new Member();

    await log!.consume(group, [topic], member);

    expect(await member.until(10)).toEqual(numbers(10, 20));
    expect(member.current(0).position).toBe(20n);
  });

  it('is another log each time', () => {
    expect(new MemoryMessageLog().clusterId).not.toBe(new MemoryMessageLog().clusterId);
    expect(new MemoryMessageLog().clusterId).toMatch(/^memory-/);
  });
});

describe('a log in memory that several applications share', () => {
  it('goes on for the others when one of them closes it', async () => {
    const log = new MemoryMessageLog();
    await connected([log]);
    await log.connect(); // the second application
    const topic = await newTopic(log);
    const seen = new Received();
    await log.tail({ topics: [topic], since: 0, onBatch: seen.take });

    await log.close();
    await log.publish(record(topic, 'x'));

    expect(await seen.until(1)).toEqual(['x']);
  });

  it('keeps its records, and what groups have finished, for an application that comes later', async () => {
    const broker = new MemoryBroker(new MemoryLogOptions());
    const group = fresh('group');
    const [before] = await connected([new MemoryMessageLog(new MemoryLogOptions(), broker)]);
    const topic = await newTopic(before!);
    await fill(before!, topic, 3);
    const first = new Member();
    await before!.consume(group, [topic], first);
    await first.until(3);
    await before!.close();
    const [after] = await connected([new MemoryMessageLog(new MemoryLogOptions(), broker)]);
    const second = new Member();

    await after!.consume(group, [topic], second);
    await after!.publish(record(topic, '3'));

    expect(await second.until(1)).toEqual(['3']);
    expect(valuesOf(await readAll(after!, { topic, partition: 0, from: 0n, to: 4n }))).toEqual(numbers(4));
  });

  it('stops the readers of the one that closes, and of no other', async () => {
    const broker = new MemoryBroker(new MemoryLogOptions());
    const [one, other] = await connected([
      new MemoryMessageLog(new MemoryLogOptions(), broker),
      new MemoryMessageLog(new MemoryLogOptions(), broker),
    ]);
    const topic = await newTopic(one!);
    const [stopped, running] = [new Received(), new Received()];
    await one!.tail({ topics: [topic], since: 0, onBatch: stopped.take });
    await other!.tail({ topics: [topic], since: 0, onBatch: running.take });

    await one!.close();
    await one!.close();
    await other!.publish(record(topic, 'x'));

    expect(await running.until(1)).toEqual(['x']);
    expect(stopped.values).toEqual([]);
  });
});
