import type { GatewayOptions, Handshake } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient } from './support/raw.client.js';
import { OPCODE, RawSocket } from './support/raw.socket.js';

const COOKIE = 'session=ann';

/** Lets in who shows the cookie, and notes what it was shown. */
function doorkeeper() {
  const shown: Handshake[] = [];
  const admit: GatewayOptions['admit'] = (handshake) => {
    shown.push(handshake);
    if (!handshake.headers['cookie']?.includes(COOKIE)) throw new Error('nobody is signed in');
    return { claims: { sub: 'ann' } };
  };
  return { shown, admit };
}

async function start(gateway: Partial<GatewayOptions> = {}) {
  const house = auction();
  const running = await startApp({ gateway: { topics: [house.topic], ...gateway } }, [house.Bidding]);
  return { ...house, ...running, origin: running.url.replace('ws:', 'http:').replace('/socket', '') };
}

describe('a page of somebody else, whose visitor is signed in here', () => {
  it.each([
    ['another host', 'https://evil.example'],
    ['a host that begins like ours', 'http://127.0.0.1.evil.example'],
    ['our host on another port', 'http://127.0.0.1:1'],
    ['nowhere, as a sandboxed frame says', 'null'],
    ['no address at all', 'javascript'],
  ])('gets no socket, and its cookie is not even looked at: %s', async (_, origin) => {
    const { shown, admit } = doorkeeper();
    const { url } = await start({ admit });

    const socket = await RawSocket.open(url, { headers: { Origin: origin, Cookie: COOKIE } });

    expect(socket.status).toBe(403);
    expect(shown).toEqual([]);
  });

  it('gets no socket where origins are named, though its host is the gateway’s', async () => {
    const { url, origin } = await start({ origins: ['https://shop.example'] });
    expect((await RawSocket.open(url, { headers: { Origin: origin } })).status).toBe(403);
    expect((await RawSocket.open(url, { headers: { Origin: 'https://shop.example.evil.example' } })).status).toBe(403);
    expect((await RawSocket.open(url, { headers: { Origin: 'https://shop.example' } })).status).toBe(101);
  });
});

describe('somebody who is not let in at the upgrade', () => {
  it.each([
    ['without a cookie', undefined],
    ['with another cookie', 'session=bob'],
  ])('gets 401 and no socket: %s', async (_, cookie) => {
    const { admit } = doorkeeper();
    const { url } = await start({ admit });
    const socket = await RawSocket.open(url, { headers: { Cookie: cookie } });
    expect(socket.status).toBe(401);
    expect(socket.head).not.toMatch(/upgrade: websocket/i);
    await socket.closed;
  });

  it('gets 401 where the hook answers with anything but claims or undefined', async () => {
    for (const answer of [true, false, null, 'ann', {}, { claims: null }, { claims: { sub: 7 } }]) {
      const { url } = await start({ admit: () => answer as never });
      expect((await RawSocket.open(url)).status).toBe(401);
    }
  });

  it('gets 401 with claims that have ended', async () => {
    const { url } = await start({ admit: () => ({ claims: { sub: 'ann' }, expires: new Date(Date.now() - 1) }) });
    expect((await RawSocket.open(url)).status).toBe(401);
  });

  it('gets 503, and may try again, where nobody can judge it now', async () => {
    const { url } = await start({
      admit: () => Promise.reject(Object.assign(new Error('the session store is away'), { temporary: true })),
    });
    expect((await RawSocket.open(url)).status).toBe(503);
  });

  it('gets 503 where the hook never answers', async () => {
    const { url } = await start({ admit: () => new Promise(() => undefined), hookTimeout: 100 });
    expect((await RawSocket.open(url)).status).toBe(503);
  });

  it('gets 503 where the gateway stops meanwhile, which does not wait for the hook', async () => {
    let wasAsked!: () => void;
    const asked = new Promise<void>((resolve) => (wasAsked = resolve));
    const { url, stop } = await start({ admit: () => new Promise<never>(() => wasAsked()), hookTimeout: 60_000 });
    const waiting = RawSocket.open(url);
    await asked;
    await stop();
    expect((await waiting).status).toBe(503);
  });
});

describe('somebody who is let in at the upgrade', () => {
  it('is who the hook says: in the log, for results, and until it ends', async () => {
    const { admit } = doorkeeper();
    const { url, topic } = await start({
      admit,
      authorize: (intent, claims) => intent.action !== 'command' || claims?.sub === 'ann',
    });
    const client = await RawClient.welcome(url, {}, { headers: { Cookie: COOKIE } });
    expect(await client.outcome(topic, client.request(topic, 'PlaceBid', { lot: 1, amount: 20 }))).toMatchObject({
      status: 'success',
    });

    const short = await start({ admit: () => ({ claims: { sub: 'ann' }, expires: new Date(Date.now() + 300) }) });
    expect(await (await RawClient.welcome(short.url)).closed).toMatchObject({ code: 4005 });
  });

  it('cannot become somebody else by a token in a hello or refresh, where tokens are not asked for', async () => {
    const { admit } = doorkeeper();
    const users: unknown[] = [];
    const { url, topic } = await start({
      admit,
      authorize: (_, claims) => users.push(claims?.sub) > 0,
    });
    const client = await RawClient.welcome(url, { token: 'user:bob' }, { headers: { Cookie: COOKIE } });
    client.send('refresh', { token: 'user:bob' });
    await client.next('refreshed');
    await client.outcome(topic, client.request(topic, 'PlaceBid', { lot: 1, amount: 20 }));
    expect(new Set(users)).toEqual(new Set(['ann']));
  });

  it('is shown to the token’s hook, which has the last word', async () => {
    const { admit } = doorkeeper();
    const { url } = await start({
      admit,
      authenticate: (token, { admitted }) => {
        if (admitted?.claims.sub !== token) throw new Error('the token is not the cookie’s');
        return { claims: { sub: token! } };
      },
    });
    const options = { headers: { Cookie: COOKIE } };
    await RawClient.welcome(url, { token: 'ann' }, options);
    const thief = await RawClient.connect(url, options);
    thief.hello({ token: 'bob' });
    expect(await thief.closed).toMatchObject({ code: 4500 });
  });

  it('without claims is nobody, and is welcome', async () => {
    const { url } = await start({ admit: () => undefined });
    await RawClient.welcome(url);
  });
});

describe('a token in the address', () => {
  it('is not read: neither hook sees it', async () => {
    const seen: unknown[] = [];
    const { url } = await start({
      admit: (handshake) => void seen.push(handshake),
      authenticate: (token, handshake) => {
        seen.push(handshake);
        if (token === undefined) throw new Error('no token');
        return { claims: { sub: token } };
      },
    });
    const client = await RawClient.connect(`${url}?token=STOLEN&access_token=STOLEN`);
    client.hello();
    expect(await client.closed).toMatchObject({ code: 4500 });
    expect(seen).toHaveLength(2);
    expect(JSON.stringify(seen)).not.toContain('STOLEN');
  });
});

describe('games with the upgrade', () => {
  it('negotiate no compression, whatever is offered, and a frame that says it is compressed ends the socket', async () => {
    const { url } = await start();
    const socket = await RawSocket.open(url, {
      headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits, x-webkit-deflate-frame' },
    });
    expect(socket.status).toBe(101);
    expect(socket.head).not.toMatch(/extensions/i);
    socket.frame(OPCODE.text, '{"event":"pong","data":{}}', { reserved: 4 });
    expect(await socket.closed).toBe(1002);
  });

  it.each([
    ['in capitals', 'KAFKA-SOCKET.V1'],
    ['with something behind it', 'kafka-socket.v1.1'],
    ['as the end of another', 'x-kafka-socket.v1'],
    ['another version', 'kafka-socket.v2'],
  ])('do not bring a sub-protocol %s in', async (_, protocol) => {
    const { url } = await start();
    const socket = await RawSocket.open(url, { headers: { 'Sec-WebSocket-Protocol': protocol } });
    expect(socket.head).not.toMatch(/sec-websocket-protocol/i);
    socket.frame(OPCODE.close);
    expect(await socket.closed).toBe(4506);
  });

  it.each([
    ['twice', 'kafka-socket.v1, kafka-socket.v1'],
    ['as no list', 'kafka-socket.v1,'],
    ['with a space in it', 'kafka socket'],
  ])('are no upgrade with the sub-protocol %s', async (_, protocol) => {
    const { url } = await start();
    expect((await RawSocket.open(url, { headers: { 'Sec-WebSocket-Protocol': protocol } })).status).toBe(400);
  });

  it('answer with ours alone among many', async () => {
    const { url } = await start();
    const many = Array.from({ length: 200 }, (_, i) => `p${i}`).join(',');
    const socket = await RawSocket.open(url, { headers: { 'Sec-WebSocket-Protocol': `${many},kafka-socket.v1` } });
    expect(socket.head).toMatch(/^sec-websocket-protocol: kafka-socket\.v1$/im);
  });
});
