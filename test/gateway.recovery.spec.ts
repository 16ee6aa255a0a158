import { describe, expect, it } from 'vitest';
import type { KafkaSocketModuleOptions } from 'nestjs-kafka-socket';
import { LogUnavailableError, MemoryMessageLog } from 'nestjs-kafka-socket';
import { type Backend, BACKENDS, shared, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient, type RawFrame, rawIdentity } from './support/raw.client.js';

const BROADCAST = { 'Bid.*': 'data' } as const;

async function start(backend: Backend, more: Partial<KafkaSocketModuleOptions> = {}) {
  const house = auction();
  const log = more.log ? {} : shared(backend);
  const options = { ...log, ...more, gateway: { topics: [house.topic], broadcast: BROADCAST, ...more.gateway } };
  const { url, app, stop } = await startApp(options, [house.Bidding]);
  return { ...house, url, app, stop, options, channel: `socket/${house.topic}/broadcast` };
}

/** Sends bids and waits for their results, so that they are in the log and routed. */
async function bid(url: string, topic: string, amounts: readonly number[], key?: string): Promise<void> {
  const bidder = await RawClient.welcome(url);
  const keyOf = (amount: number): Record<string, unknown> => {
    if (key === 'many') return { key: `key-${amount % 50}` }; // handled side by side
    return key === undefined ? {} : { key };
  };
  const requests = amounts.map((amount) => bidder.request(topic, 'PlaceBid', { lot: 1, amount }, keyOf(amount)));
  for (const requestId of requests) await bidder.outcome(topic, requestId);
}

async function frames(client: RawClient, until: (frame: RawFrame) => boolean): Promise<RawFrame[]> {
  const taken: RawFrame[] = [];
  for (;;) {
    const frame = await client.next(() => true);
    taken.push(frame);
    if (until(frame)) return taken;
  }
}

const amountsIn = (taken: readonly RawFrame[]): number[] =>
  taken.flatMap(({ data }) => (data.data ? [data.data.amount as number] : []));
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

describe.each(BACKENDS)('a client that was away, on %s', (backend) => {
  it('gets what it missed once and in order, then recovered, then goes on live', async () => {
    const { url, topic } = await start(backend);
    const identity = await rawIdentity();
    const first = await RawClient.welcome(url, { channels: [topic] }, { identity });
    await first.cut();
    await bid(url, topic, range(100, 5));

    const { positions, epoch } = first.welcomed;
    const back = await RawClient.welcome(url, { channels: [topic], positions, epoch }, { identity });

    const missed = await frames(back, ({ event }) => event === 'recovered');
    expect(amountsIn(missed)).toEqual(range(100, 5));
    expect(missed.at(-1)!.data).toEqual({ topic, complete: true, count: 5 });
    await bid(url, topic, [200]);
    expect(amountsIn(await frames(back, ({ data }) => data.data?.amount === 200))).toEqual([200]);
  });

  it('gets its results sealed like live ones', async () => {
    const { url, topic, held } = await start(backend);
    const identity = await rawIdentity();
    const first = await RawClient.welcome(url, {}, { identity });
    const requestId = first.request(topic, 'Hold', {});
    await first.next('accepted');
    await first.cut();
    await expect.poll(() => held.length).toBe(1);
    held[0]!();
    await bid(url, topic, [100]);

    const { positions, epoch } = first.welcomed;
    const back = await RawClient.welcome(url, { positions, epoch }, { identity });

    expect(await back.outcome(topic, requestId)).toEqual({ status: 'success', value: 'let go' });
  });

  it('goes on at another gateway', async () => {
    const house = await start(backend);
    const { url, topic, options } = house;
    const identity = await rawIdentity();
    const first = await RawClient.welcome(url, { channels: [topic] }, { identity });
    await bid(url, topic, [100, 101]);
    const seen = await frames(first, ({ data }) => data.data?.amount === 101);
    await first.cut();
    await bid(url, topic, [102]);
    const other = await startApp({ ...options, service: 'another' });

    const positions = positionsAfter(first.welcomed.positions, seen);
    const back = await RawClient.welcome(
      other.url,
      { channels: [topic], positions, epoch: first.welcomed.epoch },
      { identity },
    );

    expect(amountsIn(await frames(back, ({ event }) => event === 'recovered'))).toEqual([102]);
  });

  it('gets it from the log where the gateway’s memory does not reach', async () => {
    const { url, topic } = await start(backend, { gateway: { limits: { ring: 1_500 } } });
    const identity = await rawIdentity();
    const first = await RawClient.welcome(url, { channels: [topic] }, { identity });
    await first.cut();
    await bid(url, topic, range(100, 40));

    const { positions, epoch } = first.welcomed;
    const back = await RawClient.welcome(url, { channels: [topic], positions, epoch }, { identity });

    expect(amountsIn(await frames(back, ({ event }) => event === 'recovered'))).toEqual(range(100, 40));
  });

  it('gets neither a gap nor a duplicate while others go on bidding', { timeout: 60_000 }, async () => {
    const { url, topic } = await start(backend, { gateway: { limits: { ring: 20_000, rate: 10_000 } } });
    const identity = await rawIdentity();
    const first = await RawClient.welcome(url, { channels: [topic] }, { identity });
    await first.cut();
    await bid(url, topic, range(1_000, 200), 'many');
    const going = bid(url, topic, range(2_000, 300), 'many');

    const { positions, epoch } = first.welcomed;
    const back = await RawClient.welcome(url, { channels: [topic], positions, epoch }, { identity });
    await going;
    await bid(url, topic, [9_999]); // of the same lot, so in the same partition and after all others

    const taken = await frames(back, ({ data }) => data.data?.amount === 9_999);
    expect(amountsIn(taken).sort((a, b) => a - b)).toEqual([...range(1_000, 200), ...range(2_000, 300), 9_999]);
    expectOffsetsToRise(taken);
  });

  it('that sends back what ping named misses nothing', async () => {
    const { url, topic } = await start(backend, { gateway: { heartbeat: { interval: 500, timeout: 450 } } });
    const identity = await rawIdentity();
    const first = await RawClient.welcome(url, { channels: [topic] }, { identity });
    await bid(url, topic, [100]);
    const seen = await frames(
      first,
      ({ event, data }) => event === 'ping' && Object.values(data.positions[topic]).some((offset) => offset !== '-1'),
    );
    await first.cut();
    await bid(url, topic, [101]);

    const { epoch } = first.welcomed;
    const back = await RawClient.welcome(
      url,
      { channels: [topic], positions: seen.at(-1)!.data.positions, epoch },
      { identity },
    );

    const missed = amountsIn(await frames(back, ({ event }) => event === 'recovered'));
    expect([...amountsIn(seen), ...missed]).toEqual([100, 101]);
  });

  it('that names only some partitions gets the others from their start', async () => {
    const { url, topic } = await start(backend);
    await bid(url, topic, range(100, 6));
    const back = await RawClient.welcome(url, { channels: [topic], positions: { [topic]: {} } });
    expect(amountsIn(await frames(back, ({ event }) => event === 'recovered'))).toEqual(range(100, 6));
  });

  it('from another log is told so, and nothing is replayed', async () => {
    const { url, topic } = await start(backend);
    await bid(url, topic, [100]);
    const back = await RawClient.welcome(url, {
      channels: [topic],
      positions: { [topic]: { 0: '-1', 1: '-1', 2: '-1' } },
      epoch: 'another',
    });
    const recovered = await frames(back, ({ event }) => event === 'recovered');
    expect(recovered.map(({ data }) => data)).toEqual([{ topic, complete: false, reason: 'epoch', count: 0 }]);
  });

  it('from the future is told so, and goes on live', async () => {
    const { url, topic } = await start(backend);
    const back = await RawClient.welcome(url, {
      channels: [topic],
      positions: { [topic]: { 0: '999999999999', 1: '-1', 2: '-1' } },
    });
    expect((await back.next('recovered')).data).toEqual({ topic, complete: false, reason: 'future', count: 0 });
    await bid(url, topic, [100]);
    await frames(back, ({ data }) => data.data?.amount === 100);
  });

  it('longer than is replayed gets the newest events and every result, and is told of the limit', async () => {
    const { url, topic, held } = await start(backend, { gateway: { limits: { replay: 6 } } });
    const identity = await rawIdentity();
    const first = await RawClient.welcome(url, { channels: [topic] }, { identity });
    const requestId = first.request(topic, 'Hold', {}, { key: 'one' });
    await first.next('accepted');
    await first.cut();
    await expect.poll(() => held.length).toBe(1);
    held[0]!();
    await bid(url, topic, range(100, 20), 'one');

    const { positions, epoch } = first.welcomed;
    const back = await RawClient.welcome(url, { channels: [topic], positions, epoch }, { identity });

    const taken = await frames(back, ({ event }) => event === 'recovered');
    expect(taken.at(-1)!.data).toMatchObject({ complete: false, reason: 'limit' });
    expect(taken.some(({ data }) => data.requestId === requestId)).toBe(true);
    expect(amountsIn(taken).length).toBeLessThan(20);
    expect(amountsIn(taken).at(-1)).toBe(119);
  });

  it('for a topic that is not served here is told that it cannot be had', async () => {
    const { url } = await start(backend);
    const back = await RawClient.welcome(url, { positions: { elsewhere: { 0: '3' } } });
    expect((await back.next('recovered')).data).toMatchObject({ topic: 'elsewhere', complete: false });
  });

  it('gets no event that it may not read now', async () => {
    let allowed = true;
    const authorize = (intent: { action: string }): boolean => intent.action !== 'event' || allowed;
    const { url, topic } = await start(backend, { gateway: { authorize } });
    const first = await RawClient.welcome(url, { channels: [topic] });
    await first.cut();
    await bid(url, topic, [100]);
    allowed = false;

    const { positions, epoch } = first.welcomed;
    const back = await RawClient.welcome(url, { channels: [topic], positions, epoch });

    expect((await back.next('recovered')).data).toMatchObject({ complete: true, count: 0 });
  });
});

describe('a client that was away longer than the log keeps records', () => {
  it('gets what is left and is told that it is not all', async () => {
    const log = new MemoryMessageLog({ partitions: 1, retention: 10 });
    const { url, topic } = await start('memory', { log, gateway: { limits: { ring: 1 } } });
    const first = await RawClient.welcome(url, { channels: [topic] });
    await first.cut();
    // One by one: of a burst the log would have lost commands before anyone read them.
    for (const amount of range(100, 20)) await bid(url, topic, [amount]);

    const { positions, epoch } = first.welcomed;
    const back = await RawClient.welcome(url, { channels: [topic], positions, epoch });

    const taken = await frames(back, ({ event }) => event === 'recovered');
    expect(taken.at(-1)!.data).toMatchObject({ topic, complete: false, reason: 'retention' });
    expect(amountsIn(taken).at(-1)).toBe(119);
  });

  it('is told so even where the log loses them only while they are waiting to be read', async () => {
    const log = new MemoryMessageLog({ partitions: 1, retention: 20 });
    const { url, topic } = await start('memory', { log, gateway: { limits: { ring: 1 } } });
    const first = await RawClient.welcome(url, { channels: [topic] });
    await first.cut();
    const write = async (amounts: readonly number[]): Promise<void> => {
      const headers = { ce_specversion: '1.0', ce_id: '1', ce_source: '/test', ce_type: 'event.Bid.Created' };
      for (const amount of amounts) await log.publish({ topic, key: null, value: JSON.stringify({ amount }), headers });
    };
    await write(range(100, 10));
    const watcher = await RawClient.welcome(url, { channels: [topic] });
    const read = log.read.bind(log);
    log.read = async function* (...asked) {
      log.read = read;
      // In pieces: of a burst the gateway itself would lose records, and send everybody away.
      for (const from of [110, 115, 120, 125, 130]) {
        await write(range(from, 5));
        await watcher.next(({ data }) => data.data?.amount === from + 4);
      }
      yield* read(...asked);
    };

    const { positions, epoch } = first.welcomed;
    const back = await RawClient.welcome(url, { channels: [topic], positions, epoch });

    const taken = await frames(back, ({ event }) => event === 'recovered');
    expect(taken.at(-1)!.data).toMatchObject({ topic, complete: false, reason: 'retention' });
    expect(amountsIn(taken)).toEqual(range(110, 25)); // the gateway's memory holds more of them than the log
  });
});

describe('a client that comes back while the log cannot be read', () => {
  it('is sent to another gateway instead of being left without a welcome', async () => {
    const log = new MemoryMessageLog();
    const { url, topic } = await start('memory', { log });
    log.offsets = () => Promise.reject(new LogUnavailableError('no broker answers', false));
    const client = await RawClient.connect(url);
    client.hello({ channels: [topic], positions: { [topic]: { 0: '-1' } } });
    expect((await client.next('error')).data).toMatchObject({ code: 'internal', temporary: true });
    expect(await client.closed).toMatchObject({ code: 4010 });
  });
});

function positionsAfter(positions: Record<string, Record<string, string>>, seen: readonly RawFrame[]) {
  const after = structuredClone(positions);
  for (const { data } of seen) if (data.at) after[data.at[0]]![data.at[1]] = data.at[2];
  return after;
}

function expectOffsetsToRise(taken: readonly RawFrame[]): void {
  const last = new Map<number, bigint>();
  for (const { data } of taken) {
    if (!data.at) continue;
    const [, partition, offset] = data.at as [string, number, string];
    expect(BigInt(offset)).toBeGreaterThan(last.get(partition) ?? -1n);
    last.set(partition, BigInt(offset));
  }
}
