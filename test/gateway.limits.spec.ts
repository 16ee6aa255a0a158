import type { IncomingMessage } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { type GatewayLimits, type GatewayOptions, KafkaSocketModule, MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it, vi } from 'vitest';
import { CONNECTIONS } from '../lib/gateway/gateway.constants.js';
import { Quota } from '../lib/gateway/quota.js';
import { addressKey, clientAddress } from '../lib/gateway/socket/client.address.js';
import type { Connections } from '../lib/gateway/socket/connections.js';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient, type RawFrame, rawIdentity } from './support/raw.client.js';
import { OPCODE, RawSocket } from './support/raw.socket.js';

type Limited = Omit<Partial<GatewayOptions>, 'limits'> & { limits?: Partial<GatewayLimits> };

async function start(gateway: Limited) {
  const house = auction();
  const running = await startApp({ gateway: { topics: [house.topic], ...gateway } }, [house.Bidding]);
  const { admission } = running.app.get<Connections>(CONNECTIONS, { strict: false });
  return { ...house, ...running, addresses: admission.addresses };
}

const tokens: GatewayOptions['authenticate'] = (token) => {
  if (!token) throw new Error('no token');
  return { claims: { sub: token } };
};

/** Whether one more socket is taken, by what it is told first: a welcome, or 4504. */
async function isTaken(url: string, options: Parameters<typeof RawClient.connect>[1] = {}, token?: string) {
  const client = await RawClient.connect(url, options);
  client.hello({ token });
  const outcome = await Promise.race([client.closed, client.next('welcome').catch(() => client.closed)]);
  if ('code' in outcome) expect(outcome.code).toBe(4504);
  return 'event' in outcome;
}

const forwarded = (address: string) => ({ headers: { 'X-Forwarded-For': address } });

describe('connections from one address', () => {
  it('are closed with 4504 above the limit, and come in again when one has gone', async () => {
    const { url } = await start({ limits: { connectionsPerAddress: 2 } });
    const [first] = [await RawClient.welcome(url), await RawClient.welcome(url)];
    expect(await isTaken(url)).toBe(false);
    await first.cut();
    await expect.poll(() => isTaken(url)).toBe(true);
    expect(await isTaken(url)).toBe(false);
  });

  it('are counted before the application is asked who it is: who waits takes room as well', async () => {
    let asked = 0;
    const { url } = await start({
      limits: { connectionsPerAddress: 3 },
      admit: () => new Promise(() => asked++),
    });
    const waiting = Array.from({ length: 3 }, () => RawSocket.open(url).catch(() => undefined));
    await expect.poll(() => asked).toBe(3);
    const fourth = await RawSocket.open(url);
    fourth.frame(OPCODE.close);
    expect(await fourth.closed).toBe(4504);
    expect(asked).toBe(3);
    void Promise.all(waiting);
  });

  it('are those of the client behind a proxy that is declared', async () => {
    const { url } = await start({ proxies: 1, limits: { connectionsPerAddress: 1 } });
    expect(await isTaken(url, forwarded('203.0.113.1'))).toBe(true);
    expect(await isTaken(url, forwarded('203.0.113.2'))).toBe(true);
    expect(await isTaken(url, forwarded('203.0.113.1'))).toBe(false);
  });

  it('are not told apart by what the client itself writes into the header', async () => {
    const direct = await start({ limits: { connectionsPerAddress: 1 } });
    expect(await isTaken(direct.url, forwarded('203.0.113.1'))).toBe(true);
    expect(await isTaken(direct.url, forwarded('203.0.113.2'))).toBe(false);

    const behind = await start({ proxies: 1, limits: { connectionsPerAddress: 1 } });
    expect(await isTaken(behind.url, forwarded('198.51.100.7, 203.0.113.1'))).toBe(true);
    expect(await isTaken(behind.url, forwarded('198.51.100.8, 203.0.113.1'))).toBe(false);
    expect(await isTaken(behind.url, forwarded('198.51.100.9,203.0.113.1:4711'))).toBe(false);
  });

  it('are counted exactly, however they end, and leave nothing behind', async () => {
    const { url, addresses } = await start({
      limits: { connectionsPerAddress: 2, payload: 500 },
      helloTimeout: 300,
      admit: ({ headers }) => {
        if (headers['x-is'] === 'bad') throw new Error('bad');
        return undefined;
      },
    });
    const ends: ((url: string) => Promise<unknown>)[] = [
      async (at) => (await RawClient.welcome(at)).cut(),
      async (at) => {
        const client = await RawClient.welcome(at);
        client.socket.close();
        await client.closed;
      },
      async (at) => (await RawSocket.open(at, { headers: { 'X-Is': 'bad' } })).closed,
      async (at) => (await RawSocket.open(at, { headers: { Origin: 'https://evil.example' } })).closed,
      async (at) => (await RawSocket.open(at, { headers: { 'Sec-WebSocket-Key': 'none' } })).closed,
      async (at) => {
        const socket = await RawSocket.open(at); // says nothing: 4502, and does not answer it
        await socket.closed;
      },
      async (at) => {
        const socket = await RawSocket.open(at);
        socket.frame(OPCODE.text, 'x'.repeat(501));
        await socket.closed;
      },
      async (at) => {
        const socket = await RawSocket.open(at);
        socket.socket.resetAndDestroy();
        await socket.closed;
      },
    ];
    for (const end of [...ends, ...ends]) {
      await end(url);
      await expect.poll(() => addresses.size).toBe(0);
    }
    expect(await isTaken(url)).toBe(true);
    expect(await isTaken(url)).toBe(true);
    expect(await isTaken(url)).toBe(false);
    expect(addresses.size).toBe(1);
  });
});

describe('connections of one user', () => {
  it('are closed with 4504 above the limit, whatever their session and address, and come in again when one has gone', async () => {
    const { url } = await start({ authenticate: tokens, proxies: 1, limits: { connectionsPerUser: 2 } });
    const first = await RawClient.welcome(url, { token: 'ann' });
    expect(await isTaken(url, forwarded('203.0.113.2'), 'ann')).toBe(true);
    expect(await isTaken(url, forwarded('203.0.113.3'), 'ann')).toBe(false);
    expect(await isTaken(url, {}, 'bob')).toBe(true);
    await first.cut();
    await expect.poll(() => isTaken(url, {}, 'ann')).toBe(true);
    expect(await isTaken(url, {}, 'ann')).toBe(false);
  });

  it('are counted exactly, though some leave while they are judged and some refresh', async () => {
    let judge!: () => void;
    const { url } = await start({
      authenticate: async (token) => {
        if (token === 'ann:slow') await new Promise<void>((resolve) => (judge = resolve));
        return { claims: { sub: token!.split(':')[0]! } };
      },
      limits: { connectionsPerUser: 1 },
    });
    for (let i = 0; i < 3; i++) {
      const leaving = await RawClient.connect(url);
      leaving.hello({ token: 'ann:slow' });
      await expect.poll(() => typeof judge).toBe('function');
      await leaving.cut();
      judge();
      const refreshing = await vi.waitFor(() => RawClient.welcome(url, { token: 'ann' }));
      refreshing.send('refresh', { token: 'ann:new' });
      await refreshing.next('refreshed');
      expect(await isTaken(url, {}, 'ann')).toBe(false);
      await refreshing.cut();
    }
  });
});

describe('requests of one session that wait for their outcome', () => {
  const answer = (client: RawClient): Promise<RawFrame> => client.next(({ event }) => /^(accepted|error)$/.test(event));

  it('are unavailable above the limit, by all its sockets, while another session is served', async () => {
    const { url, topic, held } = await start({ limits: { requestsPerSession: 2 } });
    const identity = await rawIdentity();
    const [client, twin] = [
      await RawClient.welcome(url, {}, { identity }),
      await RawClient.welcome(url, {}, { identity }),
    ];
    const stranger = await RawClient.welcome(url);
    const first = client.request(topic, 'Hold', {}, { key: 'a' });
    await answer(client);
    twin.request(topic, 'Hold', {}, { key: 'b' });
    await answer(twin);

    const third = client.request(topic, 'PlaceBid', { lot: 1, amount: 20 });
    expect((await answer(client)).data).toMatchObject({ requestId: third, code: 'unavailable', temporary: true });
    stranger.request(topic, 'Hold', {}, { key: 'c' });
    expect((await answer(stranger)).event).toBe('accepted');

    await expect.poll(() => held.length).toBe(3);
    for (const letGo of held) letGo();
    await client.outcome(topic, first);
    client.request(topic, 'PlaceBid', { lot: 1, amount: 20 }, { requestId: third });
    expect((await answer(client)).event).toBe('accepted');
  });

  it('are counted exactly: as many fit after two hundred of them as before', async () => {
    const { url, topic } = await start({ limits: { requestsPerSession: 2, rate: 10_000 } });
    const client = await RawClient.welcome(url);
    const bid = (i: number): string => client.request(topic, 'PlaceBid', { lot: 1, amount: i % 2 ? 20 : 1 });
    for (let i = 0; i < 100; i++) {
      const both = [bid(i), bid(i + 1)];
      for (const requestId of both) await client.outcome(topic, requestId);
      for (const _ of both) expect((await answer(client)).event).toBe('accepted');
    }
  });

  it('do not count twice where one is sent again', async () => {
    const { url, topic } = await start({ limits: { requestsPerSession: 2 } });
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'Nobody', {});
    for (let i = 0; i < 5; i++) client.request(topic, 'Nobody', {}, { requestId });
    for (let i = 0; i < 6; i++) expect((await answer(client)).event).toBe('accepted');
    client.request(topic, 'Nobody', {});
    expect((await answer(client)).event).toBe('accepted');
  });
});

describe('requests that another gateway took, sent again in a flood', () => {
  it('read the log a few at a time', async () => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const gateway = { topics: [topic], limits: { recoveries: 2, rate: 1_000 } };
    const first = await RawClient.welcome((await startApp({ log, gateway })).url);
    const requests = Array.from({ length: 20 }, () => first.request(topic, 'Nobody', {}));
    for (const _ of requests) await first.next('accepted');
    const { url } = await startApp({ log, gateway });
    const again = await RawClient.welcome(url, {}, { identity: first.identity });
    let [reading, most] = [0, 0];
    const { read } = log;
    log.read = async function* (...range: Parameters<typeof read>) {
      most = Math.max(most, ++reading);
      try {
        await setImmediate();
        yield* read.apply(log, range);
      } finally {
        reading--;
      }
    };

    for (const requestId of requests) again.request(topic, 'Nobody', {}, { requestId });

    for (const _ of requests) expect((await again.next(({ event }) => event !== 'ping')).event).toBe('accepted');
    expect(most).toBe(2);
  });
});

describe('a quota', () => {
  it('forgets a key that holds nothing', () => {
    const quota = new Quota(2);
    for (const key of ['a', 'b', 'a']) quota.take(key);
    expect([quota.isSpent('a'), quota.isSpent('b'), quota.size]).toEqual([true, false, 2]);
    quota.release('a');
    expect([quota.isSpent('a'), quota.size]).toEqual([false, 2]);
    for (const key of ['a', 'b', 'b', 'never']) quota.release(key);
    expect(quota.size).toBe(0);
  });
});

describe('the number of proxies', () => {
  it.each([1.5, -1, '1', Infinity])('stops the module, with the option’s path, where it is %s', (proxies) => {
    const gateway = { topics: ['auction'], proxies: proxies as number };
    expect(() => KafkaSocketModule.forRoot({ service: 'x', gateway })).toThrow(/gateway\.proxies/);
  });
});

describe('the address of a client', () => {
  const through = (proxies: number, header?: string) =>
    clientAddress(
      { headers: { 'x-forwarded-for': header }, socket: { remoteAddress: '10.0.0.9' } } as never as IncomingMessage,
      proxies,
    );

  it.each([
    [0, '1.1.1.1', '10.0.0.9'],
    [1, '1.1.1.1', '1.1.1.1'],
    [1, '9.9.9.9, 1.1.1.1', '1.1.1.1'],
    [2, '9.9.9.9, 1.1.1.1,2.2.2.2', '1.1.1.1'],
    [3, '1.1.1.1, 2.2.2.2', '1.1.1.1'],
    [1, '1.1.1.1:4711', '1.1.1.1'],
    [1, '[2001:db8::1]:4711', '2001:db8::1'],
    [1, '2001:db8::1', '2001:db8::1'],
    [1, 'unknown', '10.0.0.9'],
    [1, '', '10.0.0.9'],
    [1, undefined, '10.0.0.9'],
    [1, 'x'.repeat(10_000), '10.0.0.9'],
  ])('behind %i proxies is found in %j', (proxies, header, address) => {
    expect(through(proxies, header)).toBe(address);
  });

  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['1::2:3:4:5:6:7', '1:0:2:3'],
    ['64:ff9b::1.2.3.4', '64:ff9b:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    [undefined, ''],
  ])('%s counts as %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
