import { type GatewayOptions, MemoryMessageLog } from 'nestjs-kafka-socket';
import { firstValueFrom, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient, rawIdentity } from './support/raw.client.js';

/** `ann:reader,writer:60000` is Ann, who may read and write for a minute. */
const tokens: GatewayOptions['authenticate'] = (token = '') => {
  const [sub = '', roles = '', lifetime] = token.split(':');
  if (sub === '') throw new Error('no token');
  const claims = { sub, roles: roles.split(',') };
  return { claims, ...(lifetime && { expires: new Date(Date.now() + Number(lifetime)) }) };
};

const byRole: GatewayOptions['authorize'] = ({ action }, claims) => {
  const role = { command: 'writer', channel: 'reader', event: 'witness' }[action];
  return (claims!['roles'] as string[]).includes(role);
};

const ALL = 'ann:reader,writer,witness';

async function start(gateway: Partial<GatewayOptions>) {
  const house = auction();
  const other = auction();
  const topics = [house.topic, other.topic];
  const options = { topics, broadcast: { 'Bid.*': 'data' as const }, authenticate: tokens, ...gateway };
  const running = await startApp({ gateway: options }, [house.Bidding, other.Bidding]);
  return { ...house, other, ...running };
}

/** Makes an event, and waits until a socket that may see all of them has it. */
async function event(witness: RawClient, topic: string, amount = 20): Promise<void> {
  witness.request(topic, 'PlaceBid', { lot: 1, amount });
  await witness.next((frame) => frame.event === `socket/${topic}/broadcast` && frame.data.data.amount === amount);
}

/** The bids that a client heard of and has not taken. */
const heard = (client: RawClient): number[] =>
  client.unread.filter(({ event: name }) => name.endsWith('/broadcast')).map(({ data }) => data.data.amount as number);

/** What is on a client's way has come when this has. */
async function caughtUp(client: RawClient): Promise<void> {
  client.send('cancel', {}, 'marker');
  await client.next(({ id }) => id === 'marker');
}

describe('a refresh with narrower claims', () => {
  it('takes the channel away at once: no event comes after `refreshed`, one comes of what is still allowed', async () => {
    const closed = new Set<string>();
    const { url, topic, other } = await start({
      authorize: (intent) => intent.action !== 'channel' || !closed.has(intent.topic),
    });
    const client = await RawClient.welcome(url, { token: 'ann', channels: [topic, other.topic] });
    const witness = await RawClient.welcome(url, { token: 'bob', channels: [topic, other.topic] });
    await event(witness, topic, 20);
    closed.add(topic);

    client.send('refresh', { token: 'ann:less' }, 'r');

    const told = await client.next(({ event: name }) => name === 'error' || name === 'refreshed');
    expect(told.data).toMatchObject({ code: 'forbidden', temporary: false, details: { channel: topic } });
    expect(told).not.toHaveProperty('id'); // it refuses no frame: the refresh itself is answered
    expect(await client.next('refreshed')).toMatchObject({ id: 'r' });
    await event(witness, topic, 30);
    await event(witness, other.topic, 40);
    await caughtUp(client);
    expect(heard(client)).toEqual([20, 40]);
  });

  it('counts for commands and single events at once', async () => {
    const { url, topic } = await start({ authorize: byRole });
    const client = await RawClient.welcome(url, { token: ALL, channels: [topic] });
    const witness = await RawClient.welcome(url, { token: ALL, channels: [topic] });
    await event(witness, topic, 20);

    client.send('refresh', { token: 'ann:reader' });
    client.request(topic, 'PlaceBid', { lot: 1, amount: 30 });

    expect((await client.next('error')).data).toMatchObject({ code: 'forbidden' });
    await event(witness, topic, 40);
    await caughtUp(client);
    expect(heard(client)).toEqual([20]);
  });

  it('counts for what is missed and still being sent', async () => {
    const { url, topic } = await start({ authorize: byRole });
    const witness = await RawClient.welcome(url, { token: ALL, channels: [topic] });
    for (let amount = 20; amount < 40; amount++) await event(witness, topic, amount);
    const client = await RawClient.connect(url);
    client.hello({ token: 'ann:reader', channels: [topic], positions: { [topic]: {} } });
    await client.next('recovered');
    expect(heard(client)).toEqual([]);
  });
});

describe('a refresh with wider claims', () => {
  it('opens what was forbidden before, when it is asked for again', async () => {
    const { url, topic } = await start({ authorize: byRole });
    const client = await RawClient.welcome(url, { token: 'ann:none', channels: [topic] });
    expect((await client.next('error')).data).toMatchObject({ code: 'forbidden' });
    client.send('refresh', { token: ALL });
    client.send('subscribe', { channels: [topic] });
    expect((await client.next('subscribed')).data).toMatchObject({ channels: [topic] });
    await event(client, topic);
  });
});

describe('a refresh that is no good', () => {
  it.each([
    ['of another user', 'bob:reader', 4503],
    ['of a user whose name begins the same', 'ann2:reader', 4503],
    ['that nobody gave', '', 4500],
    ['that has ended', 'ann:reader:-1', 4005],
  ])('closes the socket, with a token %s', async (_, token, code) => {
    const { url } = await start({});
    const client = await RawClient.welcome(url, { token: 'ann:reader' });
    client.send('refresh', { token });
    expect(await client.closed).toMatchObject({ code });
    expect(client.unread.filter(({ event: name }) => name === 'refreshed')).toEqual([]);
  });

  it.each([
    ['no token', {}],
    ['a token that is no text', { token: { toString: 'x' } }],
    ['a token that is too long', { token: 'x'.repeat(16_385) }],
  ])('is a bad frame with %s', async (_, data) => {
    const { url } = await start({});
    const client = await RawClient.welcome(url, { token: 'ann' });
    client.send('refresh', data);
    expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame' });
  });

  it('closes with 4010 where nobody judges it in time, and what came behind it is not taken', async () => {
    const { url, topic, effects } = await start({
      authenticate: (token) => (token === 'ann' ? { claims: { sub: 'ann' } } : new Promise(() => undefined)),
      hookTimeout: 200,
    });
    const client = await RawClient.welcome(url, { token: 'ann' });
    client.send('refresh', { token: 'slow' });
    client.request(topic, 'PlaceBid', { lot: 1, amount: 77 });
    expect(await client.closed).toMatchObject({ code: 4010 });
    const after = await RawClient.welcome(url, { token: 'ann' });
    await after.outcome(topic, after.request(topic, 'PlaceBid', { lot: 1, amount: 20 }));
    expect(effects).toEqual([20]);
  });
});

const BAD_ANSWERS: [string, () => unknown][] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['true', () => true],
  ['a text', () => 'ann'],
  ['an empty object', () => ({})],
  ['claims that are none', () => ({ claims: 'ann' })],
  ['a subject that is no text', () => ({ claims: { sub: 7 } })],
  ['claims that are no JSON', () => ({ claims: { sub: 'ann', big: 1n } })],
  ['claims in a circle', () => circular()],
  ['an end that is a text', () => ({ claims: { sub: 'ann' }, expires: '2030-01-01' })],
  ['an end that is a number', () => ({ claims: { sub: 'ann' }, expires: Date.now() + 60_000 })],
  ['an end that is no date', () => ({ claims: { sub: 'ann' }, expires: new Date(NaN) })],
  ['a rejection without a reason', () => firstValueFrom(throwError(() => undefined))],
  ['a rejection with a text', () => firstValueFrom(throwError(() => 'no'))],
];

function circular(): unknown {
  const claims: Record<string, unknown> = { sub: 'ann' };
  claims['self'] = claims;
  return { claims };
}

describe('authenticate that answers what it may not', () => {
  it.each(BAD_ANSWERS)('lets nobody in, and nobody stay: %s', async (_, answer) => {
    const { url } = await start({
      authenticate: ((token: string) => (token === 'good' ? tokens('ann', {} as never) : answer())) as never,
    });
    const stranger = await RawClient.connect(url);
    stranger.hello({ token: 'bad' });
    const client = await RawClient.welcome(url, { token: 'good' });
    client.send('refresh', { token: 'bad' });
    expect(await stranger.closed).toMatchObject({ code: 4500 });
    expect(await client.closed).toMatchObject({ code: 4500 });
  });
});

describe('a hello that waits for somebody', () => {
  it('is closed with 4010 when its channels are not judged in time', async () => {
    const { url, topic } = await start({ authorize: () => new Promise(() => undefined), helloTimeout: 300 });
    const client = await RawClient.connect(url);
    client.hello({ token: 'ann', channels: [topic] });
    expect(await client.closed).toMatchObject({ code: 4010 });
  });

  it('is refused the channel when that alone is not judged in time', async () => {
    const { url, topic } = await start({ authorize: () => new Promise(() => undefined), hookTimeout: 100 });
    const client = await RawClient.welcome(url, { token: 'ann', channels: [topic] });
    expect((await client.next('error')).data).toMatchObject({ code: 'forbidden', details: { channel: topic } });
  });

  it('is closed with 4010 when the log does not say in time what it holds', async () => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const { url } = await startApp({ log, gateway: { topics: [topic], helloTimeout: 300 } });
    log.offsets = () => new Promise(() => undefined);
    log.offsetsAt = () => new Promise(() => undefined);
    const client = await RawClient.connect(url, { identity: await rawIdentity() });
    client.hello({ positions: { [topic]: { 0: '-1' } } });
    expect(await client.closed).toMatchObject({ code: 4010 });
  });
});
