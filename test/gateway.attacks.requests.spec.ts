import { createECDH, randomBytes, randomUUID } from 'node:crypto';
import { type GatewayOptions, MemoryMessageLog, type PlatformMessage } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { LogFollower } from './support/log.follower.js';
import { RawClient, type RawFrame } from './support/raw.client.js';

async function start(gateway: Partial<GatewayOptions> = {}) {
  const house = auction();
  const log = new MemoryMessageLog();
  const running = await startApp({ log, gateway: { topics: [house.topic], ...gateway } }, [house.Bidding]);
  const follower = await LogFollower.follow(log, [house.topic]);
  return { ...house, ...running, log, follower };
}

const ann: GatewayOptions['authenticate'] = () => ({ claims: { sub: 'ann', role: 'buyer' } });

/** The command that came of a request. */
async function commandOf(follower: LogFollower, requestId: string): Promise<PlatformMessage> {
  return follower.message('command.PlaceBid', ({ breadCrumbs }) => breadCrumbs.requestId === requestId);
}

/** What a request is answered with at once. */
const answerTo = (client: RawClient, requestId: string): Promise<RawFrame> =>
  client.next(({ event, data }) => /^(accepted|error)$/.test(event) && data.requestId === requestId);

const BID = { lot: 1, amount: 20 };

describe('a client that says who it is', () => {
  it('cannot set claims, bread crumbs or headers: what it adds to hello, request and payload stays there', async () => {
    const { url, topic, follower } = await start({ authenticate: ann });
    const mine = { user: '{"sub":"admin"}', claims: { sub: 'admin' }, sub: 'admin', headers: { ce_id: 'mine' } };
    const more = {
      ...mine,
      breadCrumbs: { user: '{"sub":"admin"}', final: true, correlationId: 'mine' },
      ce_breadcrumbs: 'user=admin',
      final: 1,
      reply: `${topic}/9`,
      deadline: 1,
      timeout: 'mine',
      attempt: 7,
      correlation: 'mine',
      causation: 'mine',
      publicKey: 'mine',
      id: 'mine',
      source: '/mine',
    };
    const client = await RawClient.welcome(url, { ...mine, token: 'x' });

    const requestId = client.request(topic, 'PlaceBid', { ...BID, ...more }, more);

    const { breadCrumbs, ...message } = await commandOf(follower, requestId);
    expect(message).toMatchObject({ source: '/gateway', id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(breadCrumbs).toEqual({
      requestId,
      sessionId: client.identity.sessionId,
      publicKey: client.identity.publicKey,
      correlationId: message.id,
      causationId: undefined,
      deadline: expect.any(Number),
      timeoutId: expect.any(String),
      reply: { topic, partition: expect.any(Number) },
      attempt: 1,
      user: '{"sub":"ann","role":"buyer"}',
    });
    expect(breadCrumbs.deadline).toBeGreaterThan(Date.now());
    expect(breadCrumbs.timeoutId).not.toBe('mine');
  });

  it('cannot speak for another session', async () => {
    const { url, topic } = await start();
    const victim = await RawClient.welcome(url);
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'PlaceBid', BID, { sessionId: victim.identity.sessionId });
    expect((await answerTo(client, requestId)).data).toMatchObject({ code: 'forbidden' });
  });

  it('cannot use up what another session may have, by its id', async () => {
    const house = auction();
    const limits = { requestsPerSession: 1 };
    const { url } = await startApp({ gateway: { topics: [house.topic], limits } }, [house.Bidding]);
    const victim = await RawClient.welcome(url);
    const { keys, publicKey } = (await RawClient.connect(url)).identity;
    const identity = { sessionId: victim.identity.sessionId, keys, publicKey };
    const thief = await RawClient.welcome(url, {}, { identity });
    await answerTo(thief, thief.request(house.topic, 'Nobody', {}));
    expect((await answerTo(victim, victim.request(house.topic, 'Nobody', {}))).event).toBe('accepted');
  });
});

describe('a client that plays with time', () => {
  it.each([
    ['a time to live of nothing', { ttl: 0 }],
    ['one below nothing', { ttl: -1 }],
    ['one that is no number', { ttl: '1000' }],
    ['an age below nothing, which would move the deadline out', { age: -3_600_000 }],
    ['an age that is no number', { age: null }],
    ['a list for a number', { ttl: [1_000] }],
  ])('gets bad_frame for %s', async (_, more) => {
    const { url, topic } = await start();
    const client = await RawClient.welcome(url);
    client.request(topic, 'PlaceBid', BID, more);
    expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame' });
  });

  it.each(['NaN', 'Infinity', '1e999', '-1e999', '0x10'])('gets bad_frame for the number %s', async (number) => {
    const { url, topic } = await start();
    const client = await RawClient.welcome(url);
    const requestId = randomUUID();
    client.socket.send(
      `{"event":"request","data":{"requestId":"${requestId}","topic":"${topic}","command":"PlaceBid","payload":1,"ttl":${number}}}`,
    );
    expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame' });
  });

  it.each([
    ['a huge time to live', { ttl: Number.MAX_VALUE }],
    ['the largest safe one', { ttl: Number.MAX_SAFE_INTEGER }],
    ['one with a fraction', { ttl: 9_999_999.5 }],
  ])('gets the maximum for %s', async (_, more) => {
    const { url, topic, follower } = await start({ ttl: { default: 1_000, maximum: 5_000, grace: 100 } });
    const client = await RawClient.welcome(url);
    const before = Date.now();
    const { breadCrumbs } = await commandOf(follower, client.request(topic, 'PlaceBid', BID, more));
    expect(breadCrumbs.deadline).toBeGreaterThanOrEqual(before + 5_000);
    expect(breadCrumbs.deadline).toBeLessThanOrEqual(Date.now() + 5_000);
    expect(Number.isSafeInteger(breadCrumbs.deadline)).toBe(true);
  });

  it.each([
    ['as old as it lives', { ttl: 1_000, age: 1_000 }],
    ['older than any may be', { ttl: 1e300, age: 1e299 }],
    ['as old as the maximum, under a longer time to live', { ttl: 600_000, age: 300_000 }],
  ])('gets unknown, and nothing is carried out, for a request %s', async (_, more) => {
    const { url, topic, effects } = await start();
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'PlaceBid', BID, more);
    expect((await answerTo(client, requestId)).data).toMatchObject({ code: 'unknown' });
    await client.outcome(topic, client.request(topic, 'PlaceBid', { lot: 1, amount: 30 }));
    expect(effects).toEqual([30]);
  });
});

describe('a client that names what is not for it', () => {
  it.each([
    ['the dead letters', (topic: string) => `${topic}.dlq`],
    ['another topic', () => 'elsewhere'],
    ['an internal topic', () => '__consumer_offsets'],
    ['a topic with the name of ours in it', (topic: string) => `${topic}_`],
  ])('gets forbidden for commands to %s, and for its channel', async (_, name) => {
    const { url, topic } = await start();
    const client = await RawClient.welcome(url);
    const requestId = client.request(name(topic), 'PlaceBid', BID);
    expect((await answerTo(client, requestId)).data).toMatchObject({ code: 'forbidden' });
    client.send('subscribe', { channels: [name(topic)] }, 's');
    expect(await client.next('error')).toMatchObject({ id: 's', data: { code: 'forbidden' } });
  });

  it.each(['', '.', '..', 'a/b', 'a b', 'a;b', 'a=b', 'a\nb', 'a\u0000b', 'ä', 'x'.repeat(250), '../auction'])(
    'gets bad_frame for the topic %j',
    async (name) => {
      const { url } = await start();
      const client = await RawClient.welcome(url);
      client.request(name, 'PlaceBid', BID);
      expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame' });
    },
  );

  it.each(['', 'result.PlaceBid', 'a.b', 'a;final=1', 'a\r\nce_type: x', 'a\u0000', 'ä', '%3B'])(
    'gets bad_frame for the command %j',
    async (name) => {
      const { url, topic } = await start();
      const client = await RawClient.welcome(url);
      client.request(topic, name, BID);
      expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame' });
    },
  );
});

describe('a client that smuggles bread crumbs', () => {
  const smuggled = ';final=1;user=%7B%22sub%22%3A%22admin%22%7D\r\nce_id: x\u0000=\u2028;__proto__=x';

  it('by the key: it is the key of the record and nothing else', async () => {
    const { url, topic, follower } = await start({ authenticate: ann });
    const client = await RawClient.welcome(url, { token: 'x' });
    const requestId = client.request(topic, 'PlaceBid', BID, { key: smuggled });
    const { breadCrumbs } = await commandOf(follower, requestId);
    expect(breadCrumbs).toMatchObject({ attempt: 1, user: '{"sub":"ann","role":"buyer"}' });
    expect([breadCrumbs.final, breadCrumbs.others]).toEqual([undefined, undefined]);
    const record = follower.records.find(({ key }) => key?.toString() === smuggled);
    expect(Object.keys(record!.headers).sort()).toEqual(
      ['ce_breadcrumbs', 'ce_id', 'ce_source', 'ce_specversion', 'ce_type', 'content-type'].sort(),
    );
    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'success' });
  });

  it('by claims of its user: they are one crumb, whatever stands in them', async () => {
    const claims = { sub: smuggled, ['a;b=c']: smuggled, emoji: '🦊' };
    const { url, topic, follower } = await start({ authenticate: () => ({ claims }) });
    const client = await RawClient.welcome(url, { token: 'x' });
    const requestId = client.request(topic, 'PlaceBid', BID);
    const { breadCrumbs } = await commandOf(follower, requestId);
    expect(JSON.parse(breadCrumbs.user!)).toEqual(claims);
    expect([breadCrumbs.final, breadCrumbs.others]).toEqual([undefined, undefined]);
    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'success' });
  });

  it('by the payload: it is the value and nothing else', async () => {
    const { url, topic, follower } = await start();
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'Nobody', { [smuggled]: smuggled }, { ttl: 200 });
    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'timeout' });
    const record = await follower.next('command', ({ value }) => value?.toString().includes('admin') === true);
    expect(JSON.parse(record.value!.toString())).toEqual({ [smuggled]: smuggled });
  });

  it.each([
    ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01;final=1'],
    ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n'],
    ['traceparent', '00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01'],
    ['requestId', '7f9c24e5-1c67-4f2b-9c1d-0123456789ab;final=1'],
    ['requestId', '7f9c24e5-1c67-4f2b-9c1d-0123456789ab\n'],
    ['key', 'x'.repeat(257)],
    ['command', 'x'.repeat(250)],
  ])('gets bad_frame for the %s %j', async (field, value) => {
    const { url, topic } = await start();
    const client = await RawClient.welcome(url);
    client.request(topic, 'PlaceBid', BID, { [field]: value });
    expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame' });
  });

  it.each(['a'.repeat(20) + ';b=c', 'a'.repeat(20) + '\n', 'a'.repeat(20) + '\u0000', 'ä'.repeat(20), '%'.repeat(20)])(
    'is not welcome with the session id %j',
    async (sessionId) => {
      const { url } = await start();
      const client = await RawClient.connect(url);
      client.hello({ sessionId });
      expect(await client.closed).toMatchObject({ code: 4501 });
    },
  );

  it('is served with a key and payload of lone surrogates, which are no Unicode', async () => {
    const { url, topic } = await start();
    const client = await RawClient.welcome(url);
    const requestId = randomUUID();
    const text = `{"event":"request","data":{"requestId":"${requestId}","topic":"${topic}","command":"PlaceBid","key":"\\ud800","payload":{"lot":1,"amount":20,"x":"\\udfff"}}}`;
    client.socket.send(text);
    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'success' });
    client.socket.send(text); // and is the same request when it comes again
    expect((await client.next(({ data }) => data.outcome)).event).toBe('accepted');
  });
});

describe('a public key that nothing can be sealed for', () => {
  const curve = createECDH('prime256v1');
  const good = curve.generateKeys();
  const other = createECDH('secp384r1').generateKeys();
  const p = Buffer.from('ffffffff00000001000000000000000000000000ffffffffffffffffffffffff', 'hex');
  const off = Buffer.from(good);
  off[64]! ^= 1;
  const url64 = (bytes: Buffer): string => bytes.toString('base64url');

  it.each([
    ['a point off the curve', url64(off)],
    ['zeros', url64(Buffer.concat([Buffer.of(4), Buffer.alloc(64)]))],
    ['coordinates above the field', url64(Buffer.concat([Buffer.of(4), p, p]))],
    ['the point at infinity', url64(Buffer.of(0))],
    ['the point at infinity, made long', url64(Buffer.alloc(65))],
    ['a compressed point', url64(Buffer.from(curve.getPublicKey('base64', 'compressed'), 'base64'))],
    ['a hybrid point', url64(Buffer.concat([Buffer.of(6 + (good[64]! & 1)), good.subarray(1)]))],
    ['a point of another curve', url64(other)],
    ['one byte more', url64(Buffer.concat([good, Buffer.of(0)]))],
    ['one byte less', url64(good.subarray(0, 64))],
    ['padding', `${url64(good)}=`],
    ['base64 that is not for addresses', `${good.toString('base64').replaceAll('=', '')}+/`],
    ['a space before it', ` ${url64(good)}`],
    ['a line end behind it', `${url64(good)}\n`],
    ['hexadecimal', good.toString('hex')],
    ['JWK', JSON.stringify({ kty: 'EC', crv: 'P-256' })],
    ['nothing', ''],
    ['a number', 7],
    ['random bytes', url64(Buffer.concat([Buffer.of(4), randomBytes(64)]))],
    ['another spelling of the last character', spelledOtherwise(url64(good))],
  ])('is a bad hello: %s', async (_, publicKey) => {
    const { url } = await start();
    const client = await RawClient.connect(url);
    client.hello({ publicKey });
    const { data } = await client.next('error');
    expect(data).toMatchObject({ code: 'bad_frame' });
    expect(await client.closed).toMatchObject({ code: 4501 });
  });
});

/** The last of 87 characters carries four bits; Node reads the other two as well, and drops them. */
function spelledOtherwise(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1)!) + 1];
}
