import { MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { BACKENDS, shared, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient } from './support/raw.client.js';
import { RedisServer } from './support/redis.server.js';
import { describeWithRedis } from './support/real.parts.js';
import { resultRecord, writeResult } from './support/written.result.js';

describe('two terminal records of one request', () => {
  it('are one outcome: the first, whatever the second says', async () => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const { url } = await startApp({ log, gateway: { topics: [topic] } });
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'Nobody', {}, { ttl: 30_000 });
    const [, partition] = (await client.next('accepted')).data.at;

    await writeResult(log, client, topic, partition, requestId, { status: 'success', value: 1 });
    await writeResult(log, client, topic, partition, requestId, { status: 'timeout' });
    const marker = client.request(topic, 'Nobody', {}, { ttl: 50 });

    expect(await client.outcome(topic, requestId)).toEqual({ status: 'success', value: 1 });
    await client.outcome(topic, marker);
    expect(client.unread.filter(({ data }) => data.requestId === requestId)).toEqual([]);
  });

  it('are one outcome to a client that was away, too', async () => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const { url } = await startApp({ log, gateway: { topics: [topic], limits: { ring: 1 } } });
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'Nobody', {}, { ttl: 30_000 });
    const [, partition] = (await client.next('accepted')).data.at;
    await client.cut();
    await writeResult(log, client, topic, partition, requestId, { status: 'rejected', code: 'FIRST' });
    await writeResult(log, client, topic, partition, requestId, { status: 'success' });

    const { positions, epoch } = client.welcomed;
    const back = await RawClient.welcome(url, { positions, epoch }, { identity: client.identity });

    expect(await back.outcome(topic, requestId)).toEqual({ status: 'rejected', code: 'FIRST' });
    expect((await back.next('recovered')).data).toMatchObject({ complete: true, count: 1 });
  });

  it('of which one is not final are no two: what does not say final ends nothing', async () => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const { url } = await startApp({ log, gateway: { topics: [topic] } });
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'Nobody', {}, { ttl: 30_000 });
    const [, partition] = (await client.next('accepted')).data.at;

    await writeResult(log, client, topic, partition, requestId, { status: 'success', value: 'nested' }, {});
    await writeResult(log, client, topic, partition, requestId, { status: 'success', value: 'root' });

    expect(await client.outcome(topic, requestId)).toEqual({ status: 'success', value: 'root' });
  });

  it('are one outcome when the second comes after the request’s own window, too', async () => {
    vi.useFakeTimers({ toFake: ['Date'] }); // only what time it is: nothing here waits for it to pass
    onTestFinished(() => void vi.useRealTimers());
    const began = Date.now();
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const ttl = { default: 60_000, maximum: 60_000, grace: 1_000 };
    const { url } = await startApp({ log, gateway: { topics: [topic], ttl } });
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'Nobody', {});
    const [, partition] = (await client.next('accepted')).data.at;

    vi.setSystemTime(began + 50_000);
    await writeResult(log, client, topic, partition, requestId, { status: 'timeout' });
    expect(await client.outcome(topic, requestId)).toEqual({ status: 'timeout' });
    vi.setSystemTime(began + 100_000);
    await writeResult(log, client, topic, partition, requestId, { status: 'success' });

    const marker = client.request(topic, 'Nobody', {});
    await client.next('accepted');
    await writeResult(log, client, topic, partition, marker, { status: 'success' });
    await client.outcome(topic, marker);
    expect(client.unread.filter(({ data }) => data.requestId === requestId)).toEqual([]);
  });

  it('are one outcome to a client that catches up when the first one’s window is over, too', async () => {
    vi.useFakeTimers({ toFake: ['Date'] }); // only what time it is: nothing here waits for it to pass
    onTestFinished(() => void vi.useRealTimers());
    const began = Date.now();
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const ttl = { default: 60_000, maximum: 60_000, grace: 1_000 };
    const { url } = await startApp({ log, gateway: { topics: [topic], ttl, limits: { ring: 1 } } });
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'Nobody', {});
    const [, partition] = (await client.next('accepted')).data.at;
    await writeResult(log, client, topic, partition, requestId, { status: 'success' });
    const first = (await client.next(`socket/${topic}/${client.identity.sessionId}`)).data.at;

    vi.setSystemTime(began + 40_000);
    await writeResult(log, client, topic, partition, requestId, { status: 'timeout' });
    const marker = client.request(topic, 'Nobody', {});
    await client.next('accepted');
    await writeResult(log, client, topic, partition, marker, { status: 'success' });
    await client.outcome(topic, marker);
    vi.setSystemTime(began + 80_000);
    const positions = { [topic]: { [partition]: first[2] } };
    const back = await RawClient.welcome(
      url,
      { positions, epoch: client.welcomed.epoch },
      { identity: client.identity },
    );

    expect(await back.outcome(topic, marker)).toEqual({ status: 'success' });
    expect((await back.next('recovered')).data).toMatchObject({ complete: true, count: 1 });
  });
});

describe('a terminal record that holds no outcome', () => {
  it.each([
    ['no JSON', 'not json'],
    ['a status that is none', '{"status":"odd"}'],
    ['nothing', null],
  ])('ends its request as failed: %s', async (_, value) => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const { url } = await startApp({ log, gateway: { topics: [topic] } });
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'Nobody', {}, { ttl: 30_000 });
    const [, partition] = (await client.next('accepted')).data.at;

    await log.publish({ ...resultRecord(client, topic, partition, requestId, { status: 'success' }), value });

    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'failed', code: 'RESULT_MALFORMED' });
  });
});

describe.each(BACKENDS)('a gateway that is gone, on %s,', (backend) => {
  it('leaves its requests to another one: the original deadline holds', async () => {
    const { topic } = auction();
    const options = { ...shared(backend), gateway: { topics: [topic], ttl: { grace: 50 } } };
    const [first, second] = [
      await startApp({ ...options, service: 'one' }),
      await startApp({ ...options, service: 'two' }),
    ];
    const client = await RawClient.welcome(first.url);
    const requestId = client.request(topic, 'Nobody', {}, { ttl: 700 });
    const accepted = (await client.next('accepted')).data;
    await first.stop(); // and with it its time-outs, which wait in the process
    expect(await client.closed).toMatchObject({ code: 4001 });

    const { positions, epoch } = client.welcomed;
    const back = await RawClient.welcome(second.url, { positions, epoch }, { identity: client.identity });
    await back.next('recovered');
    back.request(topic, 'Nobody', {}, { requestId, ttl: 700, age: 100 });

    expect((await back.next('accepted')).data).toEqual(accepted);
    expect(await back.outcome(topic, requestId)).toMatchObject({ status: 'timeout' });
  });

  it('has told all of it to the log: one that starts afterwards knows what is decided', async () => {
    const { topic, Bidding, effects } = auction();
    const options = { ...shared(backend), gateway: { topics: [topic] } };
    const first = await startApp({ ...options, service: 'one' }, [Bidding]);
    const client = await RawClient.welcome(first.url);
    const requestId = client.request(topic, 'PlaceBid', { lot: 1, amount: 50 });
    const outcome = await client.outcome(topic, requestId);
    await first.stop();
    const second = await startApp({ ...options, service: 'two' });

    const back = await RawClient.welcome(second.url, {}, { identity: client.identity });
    back.request(topic, 'PlaceBid', { lot: 1, amount: 50 }, { requestId });

    const { data } = await back.next('accepted');
    expect(await back.open(topic, requestId, data.outcome.sealed)).toEqual(outcome);
    expect(effects).toEqual([50]);
  });
});

describeWithRedis('a request whose time-out Redis lost', () => {
  it('still ends: the gateway that took it writes the time-out', async () => {
    const redis = await RedisServer.start();
    onTestFinished(() => redis.stop());
    const { topic } = auction();
    const { url } = await startApp({
      gateway: { topics: [topic], ttl: { grace: 100 } },
      redis: { port: Number(new URL(redis.url).port), host: '127.0.0.1' },
    });
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'Nobody', {}, { ttl: 600 });
    await client.next('accepted');

    await redis.empty();

    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'timeout' });
  });

  it('still ends when Redis was never there', async () => {
    const redis = await RedisServer.start();
    const { port } = new URL(redis.url);
    await redis.stop();
    const { topic } = auction();
    const { url } = await startApp({
      gateway: { topics: [topic], ttl: { grace: 50 } },
      redis: { port: Number(port), host: '127.0.0.1' },
    });
    const client = await RawClient.welcome(url);

    const requestId = client.request(topic, 'Nobody', {}, { ttl: 200 });

    await client.next('accepted');
    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'timeout' });
  });
});
