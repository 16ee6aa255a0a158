import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { launchApp, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient, rawIdentity } from './support/raw.client.js';
import { freePorts } from './support/free.ports.js';

const { topic, Bidding } = auction();
const gateway = { topics: [topic] };

describe('a client that says hello', () => {
  it('is welcomed with where it stands, the heartbeat and the limits', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);

    const client = await RawClient.welcome(url, { channels: [topic] });

    expect(client.welcomed).toEqual({
      sessionId: client.identity.sessionId,
      epoch: expect.any(String),
      positions: { [topic]: { 0: '-1', 1: '-1', 2: '-1' } },
      heartbeat: { interval: 25_000, timeout: 8_000 },
      limits: { payload: 65_536, rate: 50 },
    });
  });

  it('gets the id of its frame back in the answer', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.connect(url);
    const { sessionId, publicKey } = client.identity;

    client.send('hello', { sessionId, publicKey, channels: [] }, 'hello-1');

    expect(await client.next('welcome')).toMatchObject({ id: 'hello-1' });
  });

  it('is told of a forbidden channel, and the rest goes on', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.connect(url);

    client.hello({ channels: ['elsewhere', topic] });

    const [first, second] = [await client.next(() => true), await client.next(() => true)];
    expect(first).toMatchObject({ event: 'welcome', data: { positions: { [topic]: expect.any(Object) } } });
    expect(second).toMatchObject({ event: 'error', data: { code: 'forbidden', temporary: false } });
  });

  it('cannot say it twice', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.welcome(url);

    client.hello();

    expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame' });
  });
});

describe('a client that is not let in', () => {
  it('is closed with 4506 when it offers no sub-protocol', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.connect(url, { protocols: [] });
    expect(await client.closed).toMatchObject({ code: 4506 });
  });

  it('finds no sub-protocol in the answer when it offers only others', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    await expect(RawClient.connect(url, { protocols: ['mqtt'] })).rejects.toThrow(/subprotocol/i);
  });

  it('is closed with 4502 when it says nothing', async () => {
    const { url } = await startApp({ gateway: { ...gateway, helloTimeout: 50 } }, [Bidding]);
    const client = await RawClient.connect(url);
    expect(await client.closed).toMatchObject({ code: 4502 });
  });

  it.each([
    ['no session id', { sessionId: undefined }],
    ['a short session id', { sessionId: 'short' }],
    ['a session id with other characters', { sessionId: 'a'.repeat(20) + '/' }],
    ['no key', { publicKey: undefined }],
    [
      'a key that is not on the curve',
      { publicKey: Buffer.concat([Buffer.of(4), randomBytes(64)]).toString('base64url') },
    ],
    ['channels that are no list', { channels: 'auction' }],
    ['an offset that is no number', { positions: { auction: { 0: 'x' } } }],
    ['a negative offset', { positions: { auction: { 0: '-2' } } }],
    ['positions that are no object', { positions: [1] }],
    ['types that are no lists', { types: { auction: 'Bid.Created' } }],
    ['an epoch that is no text', { epoch: 7 }],
  ])('is told why and closed with 4501 for %s', async (_, hello) => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.connect(url);

    client.hello(hello);

    expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame', temporary: false });
    expect(await client.closed).toMatchObject({ code: 4501 });
  });

  it('is closed with 4504 when there are too many', async () => {
    const { url } = await startApp({ gateway: { ...gateway, limits: { connections: 1 } } }, [Bidding]);
    await RawClient.welcome(url);
    const second = await RawClient.connect(url);
    expect(await second.closed).toMatchObject({ code: 4504 });
  });

  it('gets no socket when its page is from elsewhere', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    await expect(RawClient.connect(url, { origin: 'https://evil.example' })).rejects.toThrow('403');
  });

  it('gets one when its page is from the gateway’s host, or an allowed origin', async () => {
    const same = await startApp({ gateway }, [Bidding]);
    await RawClient.welcome(same.url, {}, { origin: same.url.replace('ws:', 'http:').replace('/socket', '') });

    const listed = await startApp({ gateway: { ...gateway, origins: ['https://shop.example'] } }, [Bidding]);
    await RawClient.welcome(listed.url, {}, { origin: 'https://shop.example' });
  });

  it('is closed with 4010, and may come back, when the gateway cannot read the log yet', async () => {
    const [port] = await freePorts(1);
    const brokers = [`127.0.0.1:${port}`]; // where nobody listens
    const { url } = await launchApp({ gateway: { ...gateway, helloTimeout: 200 }, kafka: { brokers } }, [Bidding]);
    const client = await RawClient.connect(url);

    client.hello();

    expect(await client.closed).toMatchObject({ code: 4010 });
  });
});

describe('a frame that is not as the protocol says', () => {
  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['no event', '{"data":{}}'],
    ['no data', '{"event":"pong"}'],
    ['an unknown event', '{"event":"dance","data":{}}'],
    ['an event of every object', '{"event":"constructor","data":{}}'],
  ])('gets an error: %s', async (_, frame) => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.welcome(url);

    client.socket.send(frame);

    expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame', temporary: false });
  });

  it('gets its id back in the error, where that can be read', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.welcome(url);
    client.send('request', [], 'no-data');
    client.socket.send('{"id":"no-event","data":{}}');
    expect(await client.next('error')).toMatchObject({ id: 'no-data', data: { code: 'bad_frame' } });
    expect(await client.next('error')).toMatchObject({ id: 'no-event', data: { code: 'bad_frame' } });
  });

  const names = (of: string): string[] => Array.from({ length: 1_025 }, (_, i) => `${of}${i}`);

  it.each([
    ['channels', { channels: names('no-') }],
    ['types', { channels: [topic], types: names('Bid.Is') }],
  ])('gets one error and not one for each name, when it names too many %s', async (_, data) => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.welcome(url);
    client.send('subscribe', data, 'many');
    client.send('cancel', {}, 'after');
    expect(await client.next(() => true)).toMatchObject({ id: 'many', data: { code: 'bad_frame' } });
    expect(await client.next(() => true)).toMatchObject({ id: 'after' });
  });

  it('gets an error with its request when its payload can be read, but is too deep to be written', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.welcome(url);
    const requestId = randomUUID();
    const frame = JSON.stringify({ event: 'request', data: { requestId, topic, command: 'PlaceBid', payload: '?' } });
    client.socket.send(frame.replace('"?"', '['.repeat(30_000) + ']'.repeat(30_000)));
    expect((await client.next('error')).data).toMatchObject({ requestId, code: 'bad_frame', temporary: false });
  });

  it('gets an error when it is binary, and the socket lives', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.welcome(url);

    client.socket.send(Buffer.from('{}'));
    expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame' });

    client.send('cancel', { requestId: 'x' }, 'after');
    expect(await client.next('error')).toMatchObject({ id: 'after', data: { code: 'unsupported' } });
  });

  it('before the hello gets an error', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.connect(url);
    client.request(topic, 'PlaceBid', {});
    expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame' });
  });

  it('closes the socket with 4501 when it is sent again and again', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.welcome(url);
    for (let i = 0; i < 10; i++) client.socket.send('{');
    expect(await client.closed).toMatchObject({ code: 4501 });
  });

  it('does not, when good ones come between', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const client = await RawClient.welcome(url);
    for (let i = 0; i < 20; i++) {
      client.socket.send('{');
      if (i % 9 === 8) client.send('pong', {});
    }
    client.send('cancel', {}, 'after');
    expect(await client.next(({ id }) => id === 'after')).toMatchObject({ data: { code: 'unsupported' } });
  });

  it('closes the socket with 1009 when it is too large', async () => {
    const { url } = await startApp({ gateway: { ...gateway, limits: { payload: 1_000 } } }, [Bidding]);
    const client = await RawClient.welcome(url);
    client.request(topic, 'PlaceBid', 'x'.repeat(1_000));
    expect(await client.closed).toMatchObject({ code: 1009 });
  });
});

describe('a client that sends too fast', () => {
  it('gets the error rate for what is too much, with its request', async () => {
    const { url } = await startApp({ gateway: { ...gateway, limits: { rate: 1 } } }, [Bidding]);
    const client = await RawClient.welcome(url); // the hello took one of two tokens
    client.send('pong', {});

    const requestId = client.request(topic, 'PlaceBid', {});

    expect((await client.next('error')).data).toMatchObject({ code: 'rate', temporary: true, requestId });
  });

  it('is closed with 4013 when it does not stop', async () => {
    const { url } = await startApp({ gateway: { ...gateway, limits: { rate: 1 } } }, [Bidding]);
    const client = await RawClient.welcome(url);
    for (let i = 0; i < 110; i++) client.send('pong', {});
    expect(await client.closed).toMatchObject({ code: 4013 });
  });
});

describe('a client that falls silent', () => {
  const quick = { ...gateway, heartbeat: { interval: 60, timeout: 30 } };

  it('is pinged with its positions, and closed with 4012 when it does not answer', async () => {
    const { url } = await startApp({ gateway: quick }, [Bidding]);
    const client = await RawClient.welcome(url, {}, { answersPings: false });

    expect((await client.next('ping')).data).toEqual({ positions: { [topic]: { 0: '-1', 1: '-1', 2: '-1' } } });
    expect(await client.closed).toMatchObject({ code: 4012 });
  });

  it('stays when it answers', async () => {
    const { url } = await startApp({ gateway: { ...gateway, heartbeat: { interval: 300, timeout: 250 } } }, [Bidding]);
    const client = await RawClient.welcome(url);
    for (let i = 0; i < 4; i++) await client.next('ping');
    expect(client.socket.readyState).toBe(client.socket.OPEN);
  });
});

describe('two sockets of one session', () => {
  it('are two clients: both are welcome', async () => {
    const { url } = await startApp({ gateway }, [Bidding]);
    const identity = await rawIdentity();
    await RawClient.welcome(url, {}, { identity });
    await RawClient.welcome(url, {}, { identity });
  });
});
