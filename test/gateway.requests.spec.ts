import { randomUUID } from 'node:crypto';
import { MemoryMessageLog, RecordRefusedError } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { BACKENDS, shared, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient, rawIdentity } from './support/raw.client.js';

describe.each(BACKENDS)('a request, on %s', (backend) => {
  async function start(more: object = {}) {
    const house = auction();
    const { url } = await startApp({ ...shared(backend), gateway: { topics: [house.topic], ...more } }, [
      house.Bidding,
    ]);
    return { ...house, url, client: await RawClient.welcome(url) };
  }

  it('is accepted with its place, and ends in one sealed result', async () => {
    const { client, topic } = await start();

    const requestId = client.request(topic, 'PlaceBid', { lot: 7, amount: 120 });

    expect((await client.next('accepted')).data).toEqual({
      requestId,
      at: [topic, expect.any(Number), expect.stringMatching(/^\d+$/)],
    });
    expect(await client.outcome(topic, requestId)).toEqual({
      status: 'success',
      value: { lot: 7, amount: 120, leading: true },
    });
  });

  it.each([
    [
      'rejected',
      'PlaceBid',
      { lot: 7, amount: 1 },
      { status: 'rejected', code: 'BID_TOO_LOW', message: 'Bids begin at 10.' },
    ],
    ['failed', 'Break', {}, { status: 'failed', code: 'INTERNAL' }],
    [
      'invalid',
      'PlaceBid',
      { lot: 0, amount: 'x' },
      { status: 'invalid', errors: expect.arrayContaining([{ path: 'lot', constraints: [expect.any(String)] }]) },
    ],
  ])('may end %s', async (_, command, payload, outcome) => {
    const { client, topic } = await start();
    const requestId = client.request(topic, command, payload);
    expect(await client.outcome(topic, requestId)).toMatchObject(outcome);
  });

  it('tells the client nothing of what broke inside', async () => {
    const { client, topic } = await start();
    const requestId = client.request(topic, 'Break', {});
    expect(JSON.stringify(await client.outcome(topic, requestId))).not.toContain('detail');
  });

  it('ends in a time-out when nobody handles it', async () => {
    const { client, topic } = await start();
    const requestId = client.request(topic, 'Nobody', {}, { ttl: 150 });
    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'timeout', code: 'TIMEOUT' });
  });

  it('ends in the time-out when its handler is too slow, and what comes after is dropped', async () => {
    const { client, topic, held } = await start();
    const requestId = client.request(topic, 'Hold', {}, { ttl: 150 });
    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'timeout' });

    for (const letGo of held) letGo();
    const marker = client.request(topic, 'PlaceBid', { lot: 1, amount: 20 }); // same key, so it is handled after the held one
    await client.outcome(topic, marker);

    expect(client.unread.filter(({ data }) => data.requestId === requestId && data.sealed)).toEqual([]);
  });

  it('of a process that answers later ends with the reply, and not with the answer of a nested command', async () => {
    const { client, topic } = await start();
    const requestId = client.request(topic, 'Settle', {});
    expect(await client.outcome(topic, requestId)).toEqual({ status: 'success', value: { settled: true } });
  });

  it('that is made again is the same request: accepted again, with its outcome, and carried out once', async () => {
    const { client, topic, effects, url } = await start();
    const requestId = client.request(topic, 'PlaceBid', { lot: 7, amount: 120 });
    const first = (await client.next('accepted')).data;
    const outcome = await client.outcome(topic, requestId);
    const again = await RawClient.welcome(url, {}, { identity: client.identity });

    again.request(topic, 'PlaceBid', { lot: 7, amount: 120 }, { requestId });

    const { data } = await again.next('accepted');
    expect(data.at).toEqual(first.at);
    expect(await again.open(topic, requestId, data.outcome.sealed)).toEqual(outcome);
    expect(effects).toEqual([120]);
  });

  it('that is made twice at once is carried out once', async () => {
    const { client, topic, effects } = await start();
    const requestId = randomUUID();
    client.request(topic, 'PlaceBid', { lot: 7, amount: 120 }, { requestId });
    client.request(topic, 'PlaceBid', { lot: 7, amount: 120 }, { requestId });

    await client.next('accepted');
    await client.next('accepted');
    await client.outcome(topic, requestId);

    expect(effects).toEqual([120]);
  });

  it.each([
    ['payload', ['PlaceBid', { lot: 7, amount: 121 }, {}]],
    ['command', ['Hold', { lot: 7, amount: 120 }, {}]],
    ['key', ['PlaceBid', { lot: 7, amount: 120 }, { key: 'other' }]],
  ] as const)('that is made again with another %s is a conflict', async (_, [command, payload, more]) => {
    const { client, topic } = await start();
    const requestId = client.request(topic, 'PlaceBid', { lot: 7, amount: 120 });
    await client.outcome(topic, requestId);

    client.request(topic, command, payload, { requestId, ...more });

    expect((await client.next('error')).data).toMatchObject({ requestId, code: 'conflict', temporary: false });
  });

  it('with somebody else’s id is one’s own: each ends for itself', async () => {
    const { client, topic, url, held } = await start();
    const other = await RawClient.welcome(url);
    const requestId = client.request(topic, 'Hold', {}, { ttl: 400 });
    await client.next('accepted');

    other.request(topic, 'PlaceBid', { lot: 1, amount: 50 }, { requestId });

    expect(await other.outcome(topic, requestId)).toMatchObject({ status: 'success' });
    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'timeout' });
    for (const letGo of held) letGo();
  });

  it('with another key is another request: it never gets the first one’s outcome', async () => {
    const { client, topic, url } = await start();
    const requestId = client.request(topic, 'PlaceBid', { lot: 7, amount: 120 });
    await client.outcome(topic, requestId);
    const thief = await RawClient.welcome(
      url,
      {},
      { identity: { ...(await rawIdentity()), sessionId: client.identity.sessionId } },
    );

    thief.request(topic, 'PlaceBid', { lot: 7, amount: 120 }, { requestId });

    expect((await thief.next('accepted')).data).not.toHaveProperty('outcome');
  });

  it('goes to each socket of its session and to no other', async () => {
    const { client, topic, url } = await start();
    const twin = await RawClient.welcome(url, {}, { identity: client.identity });
    const stranger = await RawClient.welcome(url, { channels: [] });

    const requestId = client.request(topic, 'PlaceBid', { lot: 7, amount: 120 });

    await client.outcome(topic, requestId);
    await twin.outcome(topic, requestId);
    const marker = stranger.request(topic, 'PlaceBid', { lot: 7, amount: 130 });
    await stranger.outcome(topic, marker);
    expect(stranger.unread.filter(({ data }) => data.requestId === requestId)).toEqual([]);
  });

  it.each([
    ['a topic that is not served', { topic: 'elsewhere' }],
    ['a session that is not its socket’s', { sessionId: 'somebody-else-000' }],
  ])('that names %s is forbidden', async (_, more) => {
    const { client, topic } = await start();
    const requestId = client.request(topic, 'PlaceBid', {}, more);
    expect((await client.next('error')).data).toMatchObject({ requestId, code: 'forbidden', temporary: false });
  });

  it.each([
    ['an id that is no UUID', { requestId: 'one' }],
    ['a command with other characters', { command: 'Place.Bid' }],
    ['a time to live that is none', { ttl: -1 }],
    ['an age that is none', { age: 'old' }],
    ['a key that is no text', { key: 7 }],
    ['a trace that is none', { traceparent: '00-zz' }],
  ])('is a bad frame with %s', async (_, more) => {
    const { client, topic } = await start();
    client.request(topic, 'PlaceBid', {}, more);
    expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame', temporary: false });
  });

  it('that is older than its time to live is not sent, and the client is told that nobody knows of it', async () => {
    const { client, topic, effects } = await start();
    const requestId = client.request(topic, 'PlaceBid', { lot: 7, amount: 120 }, { ttl: 1_000, age: 1_000 });
    expect((await client.next('error')).data).toMatchObject({ requestId, code: 'unknown', temporary: false });

    const marker = client.request(topic, 'PlaceBid', { lot: 7, amount: 130 });
    await client.outcome(topic, marker);
    expect(effects).toEqual([130]);
  });

  it('that is older than its time to live is still answered when it is known', async () => {
    const { client, topic } = await start();
    const requestId = client.request(topic, 'PlaceBid', { lot: 7, amount: 120 });
    await client.outcome(topic, requestId);
    await client.next('accepted');

    client.request(topic, 'PlaceBid', { lot: 7, amount: 120 }, { requestId, ttl: 1_000, age: 5_000 });

    expect((await client.next('accepted')).data).toHaveProperty('outcome');
  });

  it('cannot live longer than the maximum', async () => {
    const { client, topic } = await start({ ttl: { default: 100, maximum: 200 } });
    const requestId = client.request(topic, 'Nobody', {}, { ttl: 3_600_000 });
    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'timeout' });
  });

  it('is refused for now when too many wait for their outcome', async () => {
    const { client, topic, held } = await start({ limits: { requests: 1 } });
    client.request(topic, 'Hold', {}, { ttl: 60_000 });
    await client.next('accepted');

    const requestId = client.request(topic, 'Hold', {});

    expect((await client.next('error')).data).toMatchObject({ requestId, code: 'unavailable', temporary: true });
    for (const letGo of held) letGo();
  });
});

describe('a request that Kafka refuses for good', () => {
  it('is not said to be too large for certain: its partition may be gone', async () => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const { url } = await startApp({ log, gateway: { topics: [topic] } });
    const client = await RawClient.welcome(url);
    log.publish = () =>
      Promise.reject(new RecordRefusedError(`Topic "${topic}" has 3 partitions, and none is number 3.`));

    const requestId = client.request(topic, 'PlaceBid', { lot: 7, amount: 120 });

    const message = 'Kafka never takes this request, as a rule because of its size.';
    expect((await client.next('error')).data).toEqual({ requestId, code: 'too_large', message, temporary: false });
  });
});
