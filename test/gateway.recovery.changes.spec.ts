import { MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import type { Outbox } from '../lib/gateway/socket/outbox.js';
import { Session, type SessionIdentity } from '../lib/gateway/socket/session.js';
import { startApp } from './support/app.js';
import { RawClient, type RawFrame } from './support/raw.client.js';

const TOPIC = 'auction';

/**
 * A gateway that remembers nothing, on a log of one partition. Its reads go on piece by piece, as the test lets them: so
 * something can happen in the middle of a recovery.
 */
async function start(more: object = {}, retention = 100_000) {
  const log = new MemoryMessageLog({ partitions: 1, retention });
  const gateway = {
    topics: [TOPIC],
    broadcast: { '*': 'data' } as const,
    limits: { ring: 1, recoveryCache: 1 },
    ...more,
  };
  const { url } = await startApp({ log, gateway });
  const write = async (type: string, ...numbers: number[]): Promise<void> => {
    const headers = { ce_specversion: '1.0', ce_id: '1', ce_source: '/test', ce_type: `event.${type}` };
    for (const number of numbers)
      await log.publish({ topic: TOPIC, partition: 0, key: 'lot-1', value: String(number), headers });
  };
  const held: (() => void)[] = [];
  const read = log.read.bind(log);
  /** From now on each read brings no more than two records, and only when the test says so. */
  const holdReads = (): void => {
    log.read = async function* (range, signal) {
      await new Promise<void>((resolve) => held.push(resolve));
      yield* read({ ...range, to: range.from + 2n < range.to ? range.from + 2n : range.to }, signal);
    };
  };
  const letOne = async (): Promise<void> => {
    await expect.poll(() => held.length).toBe(1);
    held.pop()!();
  };
  /** Until nobody reads any more. */
  const letAll = (): void => {
    log.read = read;
    held.pop()?.();
  };
  return { log, url, write, holdReads, letOne, letAll };
}

const hello = (more: object = {}) => ({ channels: [TOPIC], positions: { [TOPIC]: { 0: '-1' } }, ...more });

async function until(client: RawClient, isLast: (frame: RawFrame) => boolean): Promise<RawFrame[]> {
  const taken: RawFrame[] = [];
  do taken.push(await client.next(() => true));
  while (!isLast(taken.at(-1)!));
  return taken;
}

const is =
  (name: string) =>
  ({ event }: RawFrame): boolean =>
    event === name;
const numbersIn = (frames: readonly RawFrame[]): number[] =>
  frames.flatMap(({ event, data }) => (event.endsWith('/broadcast') ? [data.data] : []));

describe('a client that changes, while it catches up,', () => {
  it('what it listens to, gets all that it wants now, after the positions that it is told', async () => {
    const { url, write, holdReads, letOne, letAll } = await start();
    for (const number of [1, 2, 3, 4, 5]) {
      await write('Bid.Created', number);
      await write('Lot.Sold', -number);
    }
    holdReads();
    const client = await RawClient.welcome(url, hello({ types: { [TOPIC]: ['Bid.Created'] } }));
    await letOne();
    const before = [await client.next(() => true)];
    client.send('subscribe', { channels: [TOPIC], types: ['Lot.Sold'] });

    const { positions } = (await client.next('subscribed')).data;
    letAll();
    const taken = await until(client, is('recovered'));

    const lots = [-1, -2, -3, -4, -5].slice(positions[TOPIC][0] === '0' ? 0 : 1); // a step ends wherever its time is over
    expect(numbersIn(before)).toEqual([1]);
    expect(numbersIn(taken)).toEqual(lots);
    expect(taken.at(-1)!.data).toEqual({ topic: TOPIC, complete: true, count: 1 + lots.length });
  });

  it('that it listens, gets nothing more', async () => {
    const { url, write, holdReads, letOne, letAll } = await start();
    await write('Bid.Created', 1, 2, 3, 4);
    holdReads();
    const client = await RawClient.welcome(url, hello());
    await letOne();
    const first = await client.next(() => true);
    client.send('unsubscribe', { channels: [TOPIC] });
    const before = [first, ...(await until(client, is('unsubscribed')))];
    letAll();

    const count = Number(before.at(-1)!.data.positions[TOPIC][0]) + 1;
    expect(numbersIn(before)).toEqual([1, 2, 3, 4].slice(0, count));
    expect((await until(client, is('recovered'))).map(({ data }) => data)).toEqual([
      { topic: TOPIC, complete: true, count },
    ]);
  });

  it('its token, gets what it may read by the new one', async () => {
    const { url, write, holdReads, letOne, letAll } = await start({
      authenticate: (token: string) => ({ claims: { sub: 'ann', lots: token } }),
      authorize: ({ action, type }: { action: string; type?: string }, claims: { lots: string }) =>
        action !== 'event' || type === claims.lots,
    });
    for (const number of [1, 2, 3]) {
      await write('Bid.Created', number);
      await write('Lot.Sold', -number);
    }
    holdReads();
    const client = await RawClient.welcome(url, hello({ token: 'Bid.Created' }));
    await letOne();
    const before = [await client.next(() => true)];
    client.send('refresh', { token: 'Lot.Sold' });
    await client.next('refreshed');
    letAll();

    const after = numbersIn(await until(client, is('recovered')));
    expect(numbersIn(before)).toEqual([1]);
    expect(after.filter((number) => number !== -1)).toEqual([-2, -3]); // the first may have been passed before
  });
});

describe('a partition that is found while a client catches up', () => {
  it('is not named to it before anything of it was sent', () => {
    const session = new Session({} as Outbox, {} as SessionIdentity);
    session.beginRecovery(new Map([[`${TOPIC}/0`, 5n]]));
    const routed = [
      [TOPIC, 0, 9n],
      [TOPIC, 1, 3n],
    ] as const;

    expect(session.positions(routed)).toEqual({ [TOPIC]: { 0: '5' } });
    session.passed(TOPIC, 0, 9n);
    session.passed(TOPIC, 1, 3n);
    session.goLive(routed);
    expect(session.positions(routed)).toEqual({ [TOPIC]: { 0: '9', 1: '3' } });
  });
});

describe('a client that is cut off in the middle of what it missed', () => {
  it('goes on where it was', async () => {
    const { url, write, holdReads, letOne, letAll } = await start();
    await write('Bid.Created', 1, 2, 3, 4);
    holdReads();
    const first = await RawClient.welcome(url, hello());
    await letOne();
    const taken = [await first.next(() => true)];
    await first.cut();
    letAll();

    const back = await RawClient.welcome(url, hello({ positions: { [TOPIC]: { 0: taken.at(-1)!.data.at[2] } } }));

    expect(numbersIn([...taken, ...(await until(back, is('recovered')))])).toEqual([1, 2, 3, 4]);
  });

  it('was told before that something is left out, since nobody knows behind it', async () => {
    const { url, write } = await start({ limits: { replay: 2 } });
    await write('Bid.Created', 1, 2, 3, 4);

    const client = await RawClient.welcome(url, hello());

    const taken = await until(client, is('recovered'));
    expect(taken[0]).toEqual({ event: 'incomplete', data: { topic: TOPIC, reason: 'limit' } });
    expect(numbersIn(taken)).toEqual([3, 4]);
    expect(taken.at(-1)!.data).toEqual({ topic: TOPIC, complete: false, reason: 'limit', count: 2 });
  });
});

describe('a log that does not wait', () => {
  it('does not run away from who catches up, though the gateway remembers nothing', async () => {
    const { url, write } = await start();
    await write('Bid.Created', ...Array.from({ length: 2_000 }, () => 1));
    const stopped = new AbortController();
    const writing = (async () => {
      while (!stopped.signal.aborted) {
        await write('Bid.Created', 2, 2, 2, 2, 2);
        await new Promise(setImmediate);
      }
    })();

    const client = await RawClient.welcome(url, hello());
    await client.next('recovered');
    stopped.abort();
    await writing;
    await write('Bid.Created', 3);

    await client.next(({ data }) => data.data === 3);
    const offsets = client.unread.flatMap(({ data }) => (data.at ? [Number(data.at[2])] : []));
    expect(offsets).toEqual(offsets.map((_, index) => index));
  });

  it('that loses records before its gateway read them has the clients come back, and they are told', async () => {
    const { log, url, write } = await start({}, 5);
    const live = await RawClient.welcome(url, { channels: [TOPIC] });
    await write('Bid.Created', 1);
    await live.next(({ data }) => data.data === 1);
    const headers = { ce_specversion: '1.0', ce_id: '1', ce_source: '/test', ce_type: 'event.Bid.Created' };
    const record = { topic: TOPIC, partition: 0, key: 'lot-1', headers };
    for (let i = 2; i <= 20; i++) void log.publish({ ...record, value: String(i) }); // in one turn of the event loop

    expect(await live.closed).toMatchObject({ code: 4010 });
    const back = await RawClient.welcome(url, hello({ positions: { [TOPIC]: { 0: '0' } } }));

    const taken = await until(back, is('recovered'));
    expect(numbersIn(taken)).toEqual([16, 17, 18, 19, 20]);
    expect(taken.at(-1)!.data).toMatchObject({ complete: false, reason: 'retention' });
  });
});
