import { setTimeout as pause } from 'node:timers/promises';
import type { GatewayLimits, GatewayOptions } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient, rawIdentity } from './support/raw.client.js';
import { OPCODE, RawSocket, wireFrame } from './support/raw.socket.js';

type Limited = Omit<Partial<GatewayOptions>, 'limits'> & { limits?: Partial<GatewayLimits> };

async function start(gateway: Limited = {}) {
  const house = auction();
  const running = await startApp({ gateway: { topics: [house.topic], ...gateway } }, [house.Bidding]);
  return { ...house, ...running };
}

/** A socket by hand that was welcome. */
async function welcomed(url: string): Promise<RawSocket> {
  const socket = await RawSocket.open(url);
  const { sessionId, publicKey } = await rawIdentity();
  socket.send('hello', { sessionId, publicKey, channels: [] });
  await socket.next('welcome');
  return socket;
}

/** Whether others are served while one attacks. */
async function isServed(url: string, topic: string): Promise<void> {
  const client = await RawClient.welcome(url);
  const outcome = await client.outcome(topic, client.request(topic, 'PlaceBid', { lot: 1, amount: 20 }));
  expect(outcome).toMatchObject({ status: 'success' });
}

describe('a hello that never ends', () => {
  it('is closed with 4502 although a byte of it comes now and then', async () => {
    const { url } = await start({ helloTimeout: 300 });
    const socket = await RawSocket.open(url);
    const { sessionId, publicKey } = await rawIdentity();
    const hello = wireFrame(OPCODE.text, JSON.stringify({ event: 'hello', data: { sessionId, publicKey } }));
    let sent = 0;
    const dripping = setInterval(() => socket.socket.write(hello.subarray(sent, ++sent)), 20);
    expect(await socket.closed).toBe(4502);
    clearInterval(dripping);
    expect(sent).toBeLessThan(hello.length);
  });

  it('is cut where the client does not answer the goodbye either', async () => {
    const { url } = await start({ helloTimeout: 50 });
    const socket = await RawSocket.open(url);
    const began = performance.now();
    await socket.closed; // it never sends a close frame
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

describe('a frame that is larger than allowed', () => {
  it.each([
    ['is said to be', (socket: RawSocket) => socket.frame(OPCODE.text, 'x', { length: 2 ** 40 })],
    ['is', (socket: RawSocket) => socket.frame(OPCODE.text, 'x'.repeat(1_001))],
    [
      'becomes so by its fragments',
      (socket: RawSocket) => {
        socket.frame(OPCODE.text, 'x'.repeat(600), { fin: false });
        socket.frame(OPCODE.continuation, 'x'.repeat(600));
      },
    ],
  ])('ends the socket with 1009: it %s', async (_, attack) => {
    const { url, topic } = await start({ limits: { payload: 1_000 } });
    const socket = await welcomed(url);
    attack(socket);
    expect(await socket.closed).toBe(1009);
    await isServed(url, topic);
  });
});

describe('a frame that is none', () => {
  it.each([
    ['UTF-8 that is not valid', 1007, (one: RawSocket) => one.frame(OPCODE.text, Buffer.of(0x22, 0xc0, 0xaf, 0x22))],
    [
      'UTF-8 that is cut by the end of the message',
      1007,
      (one: RawSocket) => {
        one.frame(OPCODE.text, Buffer.of(0xe2), { fin: false });
        one.frame(OPCODE.continuation, Buffer.of(0x82));
      },
    ],
    ['a reserved bit', 1002, (one: RawSocket) => one.frame(OPCODE.text, '{}', { reserved: 1 })],
    ['an opcode that nobody knows', 1002, (one: RawSocket) => one.frame(11, '{}')],
    ['no mask', 1002, (one: RawSocket) => one.frame(OPCODE.text, '{}', { masked: false })],
    ['a continuation of nothing', 1002, (one: RawSocket) => one.frame(OPCODE.continuation, '{}')],
    ['a ping of 126 bytes', 1002, (one: RawSocket) => one.frame(OPCODE.ping, 'x'.repeat(126))],
    ['a ping in fragments', 1002, (one: RawSocket) => one.frame(OPCODE.ping, 'x', { fin: false })],
    [
      'a message within a message',
      1002,
      (one: RawSocket) => {
        one.frame(OPCODE.text, '{', { fin: false });
        one.frame(OPCODE.text, '{}');
      },
    ],
    ['a close code that is none', 1002, (one: RawSocket) => one.frame(OPCODE.close, Buffer.of(0, 5))],
  ])('ends its socket alone: %s', async (_, code, attack) => {
    const { url, topic } = await start();
    const socket = await welcomed(url);
    attack(socket);
    expect(await socket.closed).toBe(code);
    await isServed(url, topic);
  });
});

describe('a flood', () => {
  it.each([
    ['of empty fragments, which weigh nothing', 1008, wireFrame(OPCODE.continuation, '', { fin: false })],
    ['of fragments of a byte', 1008, wireFrame(OPCODE.continuation, 'x', { fin: false })],
    ['of WebSocket’s own pings', 4013, wireFrame(OPCODE.ping, 'x'.repeat(125))],
    ['of pongs that nobody asked for', 4013, wireFrame(OPCODE.pong, 'x'.repeat(125))],
    ['of frames of the protocol', 4013, wireFrame(OPCODE.text, '{"event":"pong","data":{}}')],
    ['of frames that are not JSON', 4501, wireFrame(OPCODE.text, '{')],
    ['of binary frames', 4501, wireFrame(OPCODE.binary, '{}')],
    ['of a second hello', 4501, wireFrame(OPCODE.text, '{"event":"hello","data":{}}')],
  ])('%s ends its socket, and is not answered frame by frame', async (_, code, frame) => {
    const { url, topic } = await start();
    const socket = await welcomed(url);
    const before = socket.frames.length;
    if (frame[0] === OPCODE.continuation) socket.frame(OPCODE.text, '', { fin: false });

    const count = frame[0] === OPCODE.continuation ? 2_000 : 20_000; // `ws` itself would take 16,384 fragments
    socket.socket.write(Buffer.concat(Array<Buffer>(count).fill(frame)));

    expect(await socket.closed).toBe(code);
    expect(socket.frames.length - before).toBeLessThan(250); // the burst, the refusals, and the goodbye
    await isServed(url, topic);
  });

  it('of frames just above the rate is answered, and one of several times the rate is not for long', async () => {
    const { url } = await start({ limits: { rate: 50 } });
    const client = await RawClient.welcome(url);
    const began = performance.now();
    // Ten times the rate, in handfuls: now and then one is taken, which must not begin the count anew.
    while (client.socket.readyState === client.socket.OPEN && performance.now() - began < 10_000) {
      for (let i = 0; i < 10; i++) client.send('pong', {});
      await pause(20);
    }
    expect(await client.closed).toMatchObject({ code: 4013 });
  });
});

describe('a client that does not speak JSON as others do', () => {
  const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

  it('is answered whatever is nested how deeply where', async () => {
    const { url, topic } = await start({ limits: { payload: 400_000 } });
    const client = await RawClient.welcome(url);
    const frames = [
      deep(150_000),
      `{"event":${deep(100_000)},"data":{}}`,
      `{"event":"pong","data":${deep(100_000)}}`,
      `{"event":"pong","id":${deep(100_000)},"data":{}}`,
      `{"event":"subscribe","data":{"channels":${deep(100_000)}}}`,
      `{"event":"subscribe","data":{"channels":[${deep(100_000)}]}}`,
      `{"event":"request","data":{"requestId":"7f9c24e5-1c67-4f2b-9c1d-0123456789ab","topic":"${topic}","command":"PlaceBid","payload":${deep(100_000)}}}`,
    ];
    for (const frame of frames) {
      client.socket.send(frame);
      expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame' });
    }
  });

  it('cannot break a service by a payload that can just be written', async () => {
    const { url, topic } = await start();
    const client = await RawClient.welcome(url);
    for (const levels of [1_000, 3_000, 5_000]) {
      const requestId = crypto.randomUUID();
      client.socket.send(
        `{"event":"request","data":{"requestId":"${requestId}","topic":"${topic}","command":"PlaceBid","ttl":2000,"payload":${deep(levels)}}}`,
      );
      const answer = await client.next(
        ({ event, data }) => data.requestId === requestId && /^(accepted|error)$/.test(event),
      );
      // Too deep for a validator, or for JSON itself: an answer in either case.
      if (answer.event === 'error') expect(answer.data).toMatchObject({ code: 'bad_frame' });
      else expect(await client.outcome(topic, requestId)).toMatchObject({ status: expect.any(String) });
    }
    await isServed(url, topic);
  });

  it('cannot reach the prototype of all objects', async () => {
    const { url, topic } = await start({ broadcast: { '*': 'data' } });
    const client = await RawClient.connect(url);
    const { sessionId, publicKey } = client.identity;
    const poison = '{"polluted":"yes","0":"1"}';
    client.socket.send(
      `{"event":"hello","__proto__":${poison},"data":{"sessionId":"${sessionId}","publicKey":"${publicKey}","__proto__":${poison},` +
        `"channels":["${topic}","__proto__","constructor"],"types":{"__proto__":["A.B"],"constructor":["A.B"]},` +
        `"positions":{"__proto__":{"0":"1"},"constructor":{"0":"1"}}}}`,
    );
    await client.next('welcome');
    client.socket.send(
      `{"event":"subscribe","data":{"channels":["__proto__","toString"],"types":["__proto__.constructor"]}}`,
    );
    client.socket.send(
      `{"event":"request","data":{"requestId":"7f9c24e5-1c67-4f2b-9c1d-0123456789ab","topic":"${topic}","command":"PlaceBid",` +
        `"key":"__proto__","payload":{"lot":1,"amount":20,"__proto__":${poison},"constructor":{"prototype":${poison}}}}}`,
    );
    const outcome = await client.outcome(topic, '7f9c24e5-1c67-4f2b-9c1d-0123456789ab');
    expect(outcome).toMatchObject({ status: 'success' });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect((await client.next(`socket/${topic}/broadcast`)).data.data).not.toHaveProperty('polluted');
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'hello\u0000', 'HELLO', ''])(
    'gets bad_frame for the event "%s"',
    async (event) => {
      const { url } = await start();
      const client = await RawClient.welcome(url);
      client.send(event, {});
      expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame' });
    },
  );
});
