import { setTimeout as pause } from 'node:timers/promises';
import { MemoryMessageLog, type RecordBatch } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { type RunningApp, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { LaggingTail } from './support/lagging.tail.js';
import { Markdown, quoted } from './support/markdown.js';
import { Measurements } from './support/measurements.js';
import { RawClient } from './support/raw.client.js';
import { writeResult } from './support/written.result.js';

const gateway = 'shop';
/** Soon, and with time for an answer on a machine that is busy. */
const heartbeat = { interval: 500, timeout: 450 };
type Options = Parameters<typeof startApp>[0];

/** A measured gateway with the auction behind it. */
async function start(options: Options = {}) {
  const measured = Measurements.begin();
  const log = new MemoryMessageLog();
  const house = auction();
  const given = { service: gateway, log, ...options };
  const app = await startApp(
    { ...given, gateway: { topics: [house.topic], broadcast: { 'Bid.*': 'data' }, ...options.gateway } },
    [house.Bidding],
  );
  const value = (name: string, attributes = {}) => measured.of(`kafka_socket.${name}`, { gateway, ...attributes });
  return { ...house, ...app, log, measured, value };
}

function oneRecordOf({ records, ...place }: RecordBatch): RecordBatch {
  return { ...place, records: records.slice(0, 1), next: records[0] ? records[0].offset + 1n : place.next };
}

describe('what a gateway measures', () => {
  it('is its sockets, and with which code they were closed', async () => {
    const { url, value } = await start();
    const [client, other] = [await RawClient.welcome(url), await RawClient.welcome(url)];
    expect(await value('connections')).toBe(2);

    other.hello({ sessionId: 'too short' });
    client.socket.close(1000);

    await expect.poll(() => value('disconnects', { code: 1000 })).toBe(1);
    expect(await value('connections')).toBe(1);
  });

  it('is one and the same name for all close codes that clients make up', async () => {
    const { url, value } = await start();
    for (const code of [3000, 4000, 4999]) (await RawClient.welcome(url)).socket.close(code);
    await expect.poll(() => value('disconnects', { code: 'other' })).toBe(3);
    for (const code of [3000, 4000, 4999]) expect(await value('disconnects', { code })).toBeUndefined();
  });

  it('is our own close code, also for a client that never answered the goodbye', async () => {
    const { url, value } = await start({ gateway: { heartbeat: { interval: 60, timeout: 50 } } });
    await RawClient.welcome(url, {}, { answersPings: false }).then(({ socket }) => socket.pause());
    await expect.poll(() => value('disconnects', { code: 4012 }), { timeout: 5_000 }).toBe(1);
  });

  it('is requests by their answer, deliveries by kind, and what was passed by', async () => {
    const { url, topic, value } = await start();
    const client = await RawClient.welcome(url, { channels: [topic] });
    const listener = await RawClient.welcome(url, { channels: [topic] });

    const requestId = client.request(topic, 'PlaceBid', { lot: 1, amount: 20 });
    await client.outcome(topic, requestId);
    for (const one of [client, listener]) await one.next(`socket/${topic}/broadcast`);

    expect(await value('requests', { answer: 'accepted' })).toBe(1);
    await expect.poll(() => value('deliveries', { kind: 'result' })).toBe(1);
    expect(await value('deliveries', { kind: 'event' })).toBe(2);
    expect(await value('discards')).toBe(3); // the command, and two events that stay inside
  });

  it('is requests that were refused at once, by the code of the error', async () => {
    const { url, topic, value } = await start({ gateway: { limits: { requestsPerSession: 1 } } });
    const client = await RawClient.welcome(url);
    client.request(topic, 'Nobody', {}, { ttl: 60_000 });
    await client.next('accepted');

    client.request('elsewhere', 'PlaceBid', {});
    client.request(topic, 'Nobody', {}, { age: 60_000, ttl: 50_000 });
    client.request(topic, 'Nobody', {}, { age: 1 });
    client.request(topic, 'Nobody', {});

    for (const answer of ['forbidden', 'unknown', 'pending', 'unavailable']) {
      expect((await client.next('error')).data.code).toBe(answer);
      expect(await value('requests', { answer })).toBe(1);
    }
  });

  it('is each sealed result, and each set-up for it, which is made before the result comes', async () => {
    const { url, topic, log, value } = await start();
    const client = await RawClient.welcome(url);
    const requestId = client.request(topic, 'Nobody', {});
    const [, partition] = (await client.next('accepted')).data.at;
    await expect.poll(() => value('sealing.setups')).toBe(1);
    expect(await value('seals')).toBe(0);

    await writeResult(log, client, topic, partition, requestId, { status: 'success' });
    await client.outcome(topic, requestId);

    expect(await value('seals')).toBe(1);
    expect(await value('sealing.setups')).toBe(1);
  });

  it('is each recovered topic: how it ended, how much it brought, how long it took', async () => {
    const { url, topic, value } = await start();
    const client = await RawClient.welcome(url, { channels: [topic] });
    const { positions, epoch } = client.welcomed;
    await client.cut();
    const other = await RawClient.welcome(url);
    for (const amount of [20, 30]) await other.outcome(topic, other.request(topic, 'PlaceBid', { lot: 1, amount }));

    const hello = { channels: [topic], positions, epoch };
    await (await RawClient.welcome(url, hello, { identity: client.identity })).next('recovered');
    await (await RawClient.welcome(url, { ...hello, epoch: 'another' })).next('recovered');

    const outcome = 'complete';
    expect(await value('recoveries', { outcome })).toBe(1);
    expect(await value('recoveries', { outcome: 'epoch' })).toBe(1);
    expect(await value('recovery.records', { outcome })).toEqual({ sum: 2, count: 1 });
    const duration = (await value('recovery.duration', { outcome })) as { sum: number };
    expect(duration).toMatchObject({ count: 1 });
    expect(duration.sum).toBeGreaterThan(0);
    expect(duration.sum).toBeLessThan(10); // seconds
  });

  it('is a recovery that ends with the goodbye, though the client never answers it', async () => {
    const log = new MemoryMessageLog();
    const read = log.read.bind(log);
    log.read = async function* (range, signal) {
      await pause(1, undefined, { signal });
      for await (const batch of read(range, signal)) {
        yield oneRecordOf(batch);
        return;
      }
    };
    const authenticate = () => ({ claims: { sub: 'u' }, expires: new Date(Date.now() + 200) });
    const settings = { broadcast: { '*': 'data' as const }, limits: { ring: 1, recoveryCache: 1 }, authenticate };
    const { url, topic, value } = await start({ log, gateway: { ...settings, authorize: () => true } });
    const headers = { ce_specversion: '1.0', ce_id: 'e', ce_source: '/test', ce_type: 'event.Bid.Created' };
    const record = { topic, partition: 0, key: 'lot', value: '{}', headers };
    await Promise.all(Array.from({ length: 20_000 }, () => log.publish(record))); // 20 s

    const deaf = await RawClient.welcome(url, { channels: [topic], positions: { [topic]: { 0: '-1' } } });
    deaf.socket.pause();

    await expect.poll(() => value('recoveries', { outcome: 'left' }), { timeout: 5_000 }).toBe(1);
    deaf.socket.resume();
    expect(await deaf.closed).toMatchObject({ code: 4005 });
  });

  it('is how long a ping takes to be answered', async () => {
    const { url, value } = await start({ gateway: { heartbeat } });
    const client = await RawClient.welcome(url);
    client.send('pong', {}); // answers nothing
    await client.next('ping');

    await expect.poll(() => value('ping.duration')).toMatchObject({ count: 1 });
    const { sum } = (await value('ping.duration')) as { sum: number };
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThan(1); // seconds
  });

  it('is each time-out that it had to write itself', async () => {
    const { url, topic, value } = await start({
      gateway: { ttl: { grace: 20 } },
      timeouts: { maximum: 1 },
    });
    const client = await RawClient.welcome(url);
    client.request(topic, 'Nobody', {}, { ttl: 60_000 }); // takes the one place that there is for a time-out
    await client.next('accepted');

    const requestId = client.request(topic, 'Nobody', {}, { ttl: 50 });

    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'timeout' });
    await expect.poll(() => value('backstops')).toBe(1);
  });

  it('is what waits for clients that do not read', async () => {
    const { url, topic, log, value } = await start();
    await RawClient.welcome(url);
    const sleeper = await RawClient.welcome(url, { channels: [topic] });
    expect(await value('queue.size')).toBe(0);
    sleeper.socket.pause();

    const headers = { ce_specversion: '1.0', ce_id: 'e', ce_source: '/test', ce_type: 'event.Bid.Created' };
    const record = { topic, key: null, value: JSON.stringify('x'.repeat(50_000)), headers };
    const some = () => Promise.all(Array.from({ length: 10 }, () => log.publish(record)));
    // What the system's own buffers take, some megabytes, has left the gateway.
    await expect
      .poll(async () => (await some(), value('queue.longest')), { interval: 5, timeout: 10_000 })
      .toBeGreaterThan(50_000);

    expect(await value('queue.size')).toBe(await value('queue.longest'));
    expect(await value('queue.size')).toBeLessThanOrEqual(1_048_576 + 60_000);
  });

  it('is how far it is behind the log', async () => {
    const log = new MemoryMessageLog();
    const reading = new LaggingTail(log);
    const { topic, value } = await start({ log });
    expect(await value('lag', { topic })).toBe(0);
    reading.fallBehind();

    for (let i = 0; i < 5; i++) await log.publish({ topic, key: null, value: null, headers: {} });

    expect(await value('lag', { topic })).toBe(5);
    reading.catchUp();
    await expect.poll(() => value('lag', { topic })).toBe(0);
  });

  it('is what README.md says, in the units that it says', async () => {
    const { url, topic, measured } = await start({ gateway: { heartbeat } });
    const client = await RawClient.welcome(url, { channels: [], positions: { [topic]: {} } });
    await client.outcome(topic, client.request(topic, 'PlaceBid', { lot: 1, amount: 20 }));
    await client.next('ping');
    await expect.poll(() => measured.unit('kafka_socket.ping.duration')).toBe('s');
    await client.cut();
    await expect.poll(() => measured.unit('kafka_socket.disconnects')).toBe('{connection}');

    const names = (await measured.names()).filter((name) => !name.startsWith('kafka_socket.service.')); // a table of their own
    const units = await Promise.all(names.map(async (name) => [name, await measured.unit(name)]));

    const documented = (await Markdown.read('README.md')).section('Metrics').tables[0]!;
    const all = documented.map(([name, unit]) => [quoted(name!)[0], quoted(unit!)[0]]);
    // Only where nobody else wrote a time-out is there a backstop: measured above.
    expect(Object.fromEntries(units)).toEqual(Object.fromEntries(all.filter(([name]) => !name!.includes('backstops'))));
  });
});

describe('two gateways in one process', () => {
  async function both() {
    const measured = Measurements.begin();
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const one = await startApp({ service: 'one', log, gateway: { topics: [topic] } });
    const two = await startApp({ service: 'two', log, gateway: { topics: [topic] } });
    const connections = (service: string) => measured.of('kafka_socket.connections', { gateway: service });
    const seals = (service: string) => measured.of('kafka_socket.seals', { gateway: service });
    const ask = async ({ url }: RunningApp): Promise<void> => {
      const client = await RawClient.welcome(url);
      await client.outcome(topic, client.request(topic, 'Nobody', {}, { ttl: 20 }));
    };
    return { one, two, connections, seals, ask };
  }

  it('are measured apart', async () => {
    const { one, two, connections, seals, ask } = await both();

    await ask(one);
    await ask(one);
    await ask(two);

    expect([await connections('one'), await connections('two')]).toEqual([2, 1]);
    expect([await seals('one'), await seals('two')]).toEqual([2, 1]);
  });
});

describe('a gateway that has stopped', () => {
  it('is not looked at any more', async () => {
    const { log, topic, stop, value } = await start();
    const offsets = log.offsets.bind(log);
    let asked = 0;
    log.offsets = (one) => (asked++, offsets(one));
    expect(await value('lag', { topic })).toBe(0);
    expect(asked).toBeGreaterThan(0);
    await stop();
    asked = 0;

    await value('lag', { topic });

    expect(asked).toBe(0);
  });
});
