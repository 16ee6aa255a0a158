import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { GatewayOptions } from 'nestjs-kafka-socket';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient, rawIdentity } from './support/raw.client.js';

type Auth = Pick<GatewayOptions, 'authenticate' | 'authorize'>;

const tokens: Auth['authenticate'] = (token) => {
  if (token === undefined || !token.startsWith('user:')) throw new Error('unknown token');
  const [, sub, lifetime] = token.split(':');
  return { claims: { sub: sub! }, ...(lifetime && { expires: new Date(Date.now() + Number(lifetime)) }) };
};

async function start(auth: Auth, more: object = {}) {
  const house = auction();
  const running = await startApp(
    { gateway: { topics: [house.topic], broadcast: { 'Bid.*': 'data' }, ...auth, ...more } },
    [house.Bidding],
  );
  return { ...house, ...running };
}

describe('a gateway that authenticates', () => {
  it.each([['no token'], ['a bad token', 'stolen']])('closes who has %s with 4500', async (_, token?: string) => {
    const { url } = await start({ authenticate: tokens });
    const client = await RawClient.connect(url);
    client.hello({ token });
    expect(await client.closed).toMatchObject({ code: 4500 });
  });

  it('lets a good token in, and its claims travel to the handler', async () => {
    const { url, topic } = await start({ authenticate: tokens });
    const client = await RawClient.welcome(url, { token: 'user:ann' });
    expect(await client.outcome(topic, client.request(topic, 'PlaceBid', { lot: 1, amount: 20 }))).toMatchObject({
      status: 'success',
    });
  });

  it('closes with 4005 when the token has expired', async () => {
    const { url } = await start({ authenticate: tokens });
    const client = await RawClient.welcome(url, { token: 'user:ann:50' });
    expect(await client.closed).toMatchObject({ code: 4005 });
  });

  it('takes a new token on the open socket', async () => {
    const { url, topic } = await start({ authenticate: tokens });
    const client = await RawClient.welcome(url, { token: 'user:ann:300' });

    client.send('refresh', { token: 'user:ann:60000' }, 'r');

    expect(await client.next('refreshed')).toMatchObject({ id: 'r', data: { expires: expect.any(String) } });
    const outcome = await client.outcome(topic, client.request(topic, 'Nobody', {}, { ttl: 400 }));
    expect(outcome).toMatchObject({ status: 'timeout' }); // later than the first token
  });

  it('closes with 4503 when the new token is somebody else’s', async () => {
    const { url } = await start({ authenticate: tokens });
    const client = await RawClient.welcome(url, { token: 'user:ann' });
    client.send('refresh', { token: 'user:bob' });
    expect(await client.closed).toMatchObject({ code: 4503 });
  });

  it('takes nothing of what comes behind the frame that closed the socket', async () => {
    let judge!: () => void;
    const { url, topic, effects } = await start({
      authenticate: async (token) => {
        if (token === 'bob') await new Promise<void>((resolve) => (judge = resolve));
        return { claims: { sub: token ?? 'nobody' } };
      },
    });
    const client = await RawClient.welcome(url, { token: 'ann' });
    client.send('refresh', { token: 'bob' });
    client.request(topic, 'PlaceBid', { lot: 1, amount: 77 }, { key: 'one' });
    client.socket.ping();
    await once(client.socket, 'pong'); // so all of it has come

    judge();

    expect(await client.closed).toMatchObject({ code: 4503 });
    const other = await RawClient.welcome(url, { token: 'ann' });
    await other.outcome(topic, other.request(topic, 'PlaceBid', { lot: 1, amount: 20 }, { key: 'one' }));
    expect(effects).toEqual([20]);
  });

  it('keeps a result from a socket of the same session and key but another user', async () => {
    const { url, topic } = await start({ authenticate: tokens });
    const identity = await rawIdentity();
    const ann = await RawClient.welcome(url, { token: 'user:ann' }, { identity });
    const bob = await RawClient.welcome(url, { token: 'user:bob' }, { identity });

    const requestId = ann.request(topic, 'PlaceBid', { lot: 1, amount: 20 });
    await ann.outcome(topic, requestId);
    bob.request(topic, 'PlaceBid', { lot: 1, amount: 20 }, { requestId });

    expect((await bob.next('accepted')).data).not.toHaveProperty('outcome');
    expect(bob.unread.filter(({ data }) => data.sealed)).toEqual([]);
  });
});

describe('a gateway whose authentication hangs', () => {
  it('sends the client to another one, in time', async () => {
    const { url } = await start({ authenticate: () => new Promise(() => undefined) }, { helloTimeout: 500 });
    const client = await RawClient.connect(url);
    client.hello();
    expect(await client.closed).toMatchObject({ code: 4010 });
  });
});

describe('a gateway that cannot authenticate now', () => {
  it('sends the client to another one, whose token may be good', async () => {
    const { url } = await start({
      authenticate: () => Promise.reject(Object.assign(new Error('the key server is away'), { temporary: true })),
    });
    const client = await RawClient.connect(url);
    client.hello({ token: 'good' });
    expect(await client.closed).toMatchObject({ code: 4010 });
  });
});

describe('claims that the bread crumbs cannot carry', () => {
  it.each([
    ['too large', { sub: 'ann', roles: 'x'.repeat(7_000) }],
    ['without a subject', {} as { sub: string }],
  ])('let nobody in: %s', async (_, claims) => {
    const { url } = await start({ authenticate: () => ({ claims }) });
    const client = await RawClient.connect(url);
    client.hello();
    expect(await client.closed).toMatchObject({ code: 4500 });
  });
});

describe('a gateway that authorizes slowly', () => {
  it('does not take a client for dead whose answers wait behind its other frames', async () => {
    const { url, topic } = await start(
      { authorize: () => new Promise((resolve) => setTimeout(resolve, 5, true)) },
      { heartbeat: { interval: 300, timeout: 200 }, limits: { rate: 1_000 } },
    );
    const client = await RawClient.welcome(url);
    const requests = Array.from({ length: 200 }, (_, i) =>
      client.request(topic, 'PlaceBid', { lot: 1, amount: 20 + i }),
    );
    for (const requestId of requests)
      expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'success' });
  });
});

describe('a gateway that authorizes', () => {
  it('refuses a command, a key and a channel that a client may not use', async () => {
    const asked: unknown[] = [];
    const { url, topic } = await start({
      authenticate: tokens,
      authorize: (intent, claims) => {
        asked.push({ ...intent, sub: claims?.sub });
        return intent.action === 'command' && intent.key === 'mine';
      },
    });
    const client = await RawClient.connect(url);
    client.hello({ token: 'user:ann', channels: [topic] });
    expect((await client.next('error')).data).toMatchObject({ code: 'forbidden' });
    await client.next('welcome');

    client.request(topic, 'PlaceBid', { lot: 1, amount: 20 }, { key: 'theirs' });
    expect((await client.next('error')).data).toMatchObject({ code: 'forbidden' });
    const allowed = client.request(topic, 'PlaceBid', { lot: 1, amount: 20 }, { key: 'mine' });
    expect(await client.outcome(topic, allowed)).toMatchObject({ status: 'success' });

    expect(asked).toContainEqual({ action: 'channel', topic, sub: 'ann' });
    expect(asked).toContainEqual({ action: 'command', topic, command: 'PlaceBid', key: 'theirs', sub: 'ann' });
  });

  it('refuses when the hook throws', async () => {
    const { url, topic } = await start({
      authorize: () => {
        throw new Error('the policy server is away');
      },
    });
    const client = await RawClient.welcome(url);
    client.request(topic, 'PlaceBid', { lot: 1, amount: 20 });
    expect((await client.next('error')).data).toMatchObject({ code: 'forbidden' });
  });

  it.each([
    ['says yes', () => Promise.resolve(true)],
    ['fails', () => Promise.reject(new Error('the policy server is away'))],
  ])('takes a promise about an event for a no, also one that %s', async (_, answer) => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    let asked = 0;
    const { url, topic } = await start({
      authorize: ({ action }) => {
        if (action !== 'event') return true;
        asked++;
        return answer();
      },
    });
    const client = await RawClient.welcome(url, { channels: [topic] });

    await client.outcome(topic, client.request(topic, 'PlaceBid', { lot: 1, amount: 20 }));
    await expect.poll(() => asked).toBe(1);

    await client.outcome(topic, client.request(topic, 'PlaceBid', { lot: 1, amount: 1 })); // rejected: without an event
    expect(client.unread.filter(({ event }) => event.endsWith('/broadcast'))).toEqual([]);
    expect(unhandled).toEqual([]);
  });
});

describe('a gateway without hooks', () => {
  it('says so in production', async () => {
    const before = process.env.NODE_ENV;
    process.env.NODE_ENV = 'production';
    onTestFinished(() => {
      process.env.NODE_ENV = before;
    });
    const { url } = await start({});
    await RawClient.welcome(url); // it works all the same
  });
});
