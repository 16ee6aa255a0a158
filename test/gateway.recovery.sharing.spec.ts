import { setMaxListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { FairTurns } from '../lib/gateway/recovery/fair.turns.js';
import type { LogChunk } from '../lib/gateway/recovery/log.chunk.js';
import { WarmReader } from '../lib/gateway/recovery/warm.reader.js';
import { BroadcastRules } from '../lib/gateway/routing/broadcast.rules.js';
import { LogUnavailableError } from '../lib/log/log.errors.js';
import { MemoryMessageLog } from '../lib/log/memory/memory.message.log.js';
import type { LogRange } from '../lib/log/message.log.js';
import { Random } from './support/random.js';

const TOPIC = 'auction';
/** What the log in memory gives at once. */
const BATCH = 500;
const EVENT = { ce_specversion: '1.0', ce_id: '1', ce_source: '/test', ce_type: 'event.Bid.Created' };
const ever = new AbortController().signal;
setMaxListeners(0, ever);

/** A log of so many events, a reader of it, and what it read. */
async function reader(count: number, limits = { recoveries: 16, recoveryCache: 16 * 1024 * 1024 }) {
  const log = new MemoryMessageLog({ partitions: 2, retention: 1_000_000 });
  await log.connect();
  await log.ensureTopics([TOPIC]);
  const write = (partition: number): void => {
    const record = { topic: TOPIC, partition, key: 'lot-1', value: '{}', headers: EVENT };
    for (let i = 0; i < count; i++) void log.publish(record);
  };
  write(0);
  write(1);
  const ranges: LogRange[] = [];
  const read = log.read.bind(log);
  log.read = (asked, signal) => {
    ranges.push(asked);
    return read(asked, signal);
  };
  const warm = new WarmReader(log, new BroadcastRules({ '*': 'data' }), new FairTurns(), limits);
  return { log, warm, ranges };
}

/** Reads from an offset to the end, `step` records at a time at most. @returns the offsets */
async function readTo(warm: WarmReader, from: number, to: number, step = Infinity, partition = 0): Promise<number[]> {
  const offsets: number[] = [];
  const take = ({ records }: LogChunk): void => {
    const next = BigInt(from + offsets.length);
    const first = records.findIndex(({ offset }) => offset >= next);
    for (const { offset } of records.slice(first, first + Math.min(step, records.length))) offsets.push(Number(offset));
  };
  while (from + offsets.length < to) {
    const place = { topic: TOPIC, partition, from: BigInt(from + offsets.length), to: BigInt(to) };
    await warm.use(place, take, ever);
  }
  return offsets;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

describe('many who catch up from the same log', () => {
  it('cost about one read of it, wherever each of them begins', async () => {
    const { warm, ranges } = await reader(5_000);
    const random = new Random(1);
    const begins = Array.from({ length: 1_000 }, () => random.upTo(4_999));

    const read = await Promise.all(begins.map((from) => readTo(warm, from, 5_000)));

    for (const [index, from] of begins.entries()) expect(read[index]).toEqual(range(from, 5_000));
    expect(ranges.length).toBeLessThan((2 * 5_000) / BATCH);
  });

  it('cost a few reads and not one each, where nothing of it can be kept', async () => {
    const { warm, ranges } = await reader(5_000, { recoveries: 16, recoveryCache: 1 });
    const random = new Random(2);
    const begins = Array.from({ length: 300 }, () => random.upTo(4_999));

    const read = await Promise.all(begins.map((from) => readTo(warm, from, 5_000)));

    for (const [index, from] of begins.entries()) expect(read[index]).toEqual(range(from, 5_000));
    expect(ranges.length).toBeLessThan((10 * 5_000) / BATCH);
  });

  it('get the very same records, so that a frame is made once', async () => {
    const { warm } = await reader(10);
    const chunks: LogChunk[] = [];
    const place = { topic: TOPIC, partition: 0, from: 0n, to: 10n };
    await Promise.all([1, 2, 3].map(() => warm.use(place, (chunk) => void chunks.push(chunk), ever)));
    expect(new Set(chunks.map(({ records }) => records[3])).size).toBe(1);
  });

  it('do not wait for one who takes little at a time', async () => {
    const { warm } = await reader(2_000);
    let isSlowDone = false;
    const slow = readTo(warm, 0, 2_000, 1).then(() => (isSlowDone = true));

    await Promise.all(range(0, 50).map((from) => readTo(warm, from, 2_000)));

    expect(isSlowDone).toBe(false);
    await slow;
  });

  it('find in memory what somebody read a moment ago, as far as there is room', async () => {
    const all = await reader(5_000);
    await readTo(all.warm, 0, 5_000);
    const { length } = all.ranges;
    await readTo(all.warm, 10, 5_000);
    expect(all.ranges).toHaveLength(length);

    const few = await reader(5_000, { recoveries: 16, recoveryCache: 1_000_000 });
    await readTo(few.warm, 0, 5_000);
    const last = few.ranges.length;
    await readTo(few.warm, 4_900, 5_000);
    expect(few.ranges).toHaveLength(last);
    await readTo(few.warm, 0, 100);
    expect(few.ranges).toHaveLength(last + 1);
  });

  it('do not starve one further down, though somebody new comes above all the time', async () => {
    const { log, warm, ranges } = await reader(BATCH * 100, { recoveries: 1, recoveryCache: 1 });
    const others: Promise<unknown>[] = [];
    const read = log.read.bind(log);
    log.read = (asked, signal) => {
      const next = Number(asked.from) + BATCH;
      if (next < BATCH * 99) others.push(readTo(warm, next, next + BATCH));
      return read(asked, signal);
    };
    others.push(readTo(warm, BATCH, 2 * BATCH));
    while (ranges.length < 3) await new Promise(setImmediate);

    await readTo(warm, 0, BATCH);

    expect(ranges.length).toBeLessThan(30);
    for (let i = 0; i < others.length; i++) await others[i];
  });

  it('read no more partitions at the same time than they may', async () => {
    const { log, warm } = await reader(100, { recoveries: 1, recoveryCache: 1_000_000 });
    let reading = 0;
    let most = 0;
    const read = log.read.bind(log);
    log.read = async function* (...asked) {
      most = Math.max(most, ++reading);
      try {
        yield* read(...asked);
      } finally {
        reading--;
      }
    };

    await Promise.all([readTo(warm, 0, 100, Infinity, 0), readTo(warm, 0, 100, Infinity, 1)]);

    expect(most).toBe(1);
  });

  it('all hear of it when the log cannot be read, and who comes later reads again', async () => {
    const { log, warm } = await reader(10);
    const read = log.read.bind(log);
    log.read = () => {
      throw new LogUnavailableError('no broker answers', false);
    };
    const asked = await Promise.allSettled([readTo(warm, 0, 10), readTo(warm, 5, 10), readTo(warm, 0, 10)]);
    expect(asked.map((one) => one.status === 'rejected' && one.reason.code)).toEqual(Array(3).fill('log_unavailable'));

    log.read = read;
    expect(await readTo(warm, 0, 10)).toEqual(range(0, 10));
  });

  it('end a read that nobody waits for any more', async () => {
    const { log, warm } = await reader(0);
    const gone = new AbortController();
    const ended = new Promise((resolve) => {
      const read = log.read.bind(log);
      log.read = (asked, signal) => {
        signal!.addEventListener('abort', resolve, { once: true });
        return read(asked, signal); // which waits for what is never written
      };
    });
    const place = { topic: TOPIC, partition: 0, from: 0n, to: 1n };
    const waiting = warm.use(place, () => undefined, gone.signal);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    gone.abort(new Error('the client is gone'));

    await expect(waiting).rejects.toThrow('the client is gone');
    await ended;
  });

  it('learn once, and not each for himself, what retention took', async () => {
    const { log, warm } = await reader(0);
    const short = new MemoryMessageLog({ partitions: 1, retention: 10 });
    await short.connect();
    await short.ensureTopics([TOPIC]);
    for (let i = 0; i < 30; i++)
      await short.publish({ topic: TOPIC, partition: 0, key: null, value: '{}', headers: EVENT });
    const offsets = vi.spyOn(short, 'offsets');
    log.read = short.read.bind(short);
    log.offsets = short.offsets.bind(short);
    const held: bigint[] = [];
    const place = { topic: TOPIC, partition: 0, from: 0n, to: 30n };

    await Promise.all(range(0, 20).map(() => warm.use(place, (chunk) => void held.push(chunk.held), ever)));

    expect(new Set(held)).toEqual(new Set([20n]));
    expect(offsets).toHaveBeenCalledTimes(1);
  });
});

describe('turns that many take', () => {
  /** Keeps the event loop for a millisecond of work. */
  const work = (): void => {
    const end = performance.now() + 1;
    while (performance.now() < end);
  };

  it('leave the event loop to others every few milliseconds', async () => {
    const turns = new FairTurns();
    const steps: number[] = [];
    let between = 0;
    const others = setInterval(() => between++, 1);
    await Promise.all(range(0, 100).map((step) => turns.take(() => (work(), steps.push(step)), ever)));
    clearInterval(others);

    expect(steps).toEqual(range(0, 100)); // first come, first served
    expect(between).toBeGreaterThan(10);
  });

  it('pass by who has left, and pass on what a step throws', async () => {
    const turns = new FairTurns();
    const gone = new AbortController();
    const taken: string[] = [];
    const left = turns.take(() => taken.push('left'), gone.signal);
    const broken = turns.take(() => {
      throw new Error('broken');
    }, ever);
    const last = turns.take(() => taken.push('last'), ever);
    gone.abort(new Error('gone'));

    await expect(left).rejects.toThrow('gone');
    await expect(broken).rejects.toThrow('broken');
    await last;
    await expect(turns.take(() => 0, gone.signal)).rejects.toThrow('gone');
    expect(taken).toEqual(['last']);
  });
});
