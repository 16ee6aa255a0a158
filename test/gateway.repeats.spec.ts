import { randomUUID } from 'node:crypto';
import { LogUnavailableError, MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { LogFollower } from './support/log.follower.js';
import { RawClient, type RawFrame, rawIdentity } from './support/raw.client.js';
import { writeResult } from './support/written.result.js';

const away = () => new LogUnavailableError('no broker answers', false);
const bid = { lot: 7, amount: 120 };
const answered = ({ event }: RawFrame): boolean => event === 'accepted' || event === 'error';

/** Makes a request again, and waits until the gateway has taken it, however long the answer takes. */
async function repeat(client: RawClient, topic: string, requestId: string, payload: unknown): Promise<void> {
  client.request(topic, 'PlaceBid', payload, { requestId });
  const marker = randomUUID();
  client.send('cancel', {}, marker);
  await client.next(({ id }) => id === marker);
}

describe('a request whose command never reached the log', () => {
  /** One whose command is on its way, until the test says that it never arrived. */
  async function start() {
    const log = new MemoryMessageLog();
    const publish = log.publish.bind(log);
    let lose!: () => void;
    const lost = new Promise<never>((_, reject) => (lose = () => reject(away())));
    const commands: unknown[] = [];
    log.publish = (record) => {
      if (record.headers['ce_type'] !== 'command.PlaceBid') return publish(record);
      return commands.push(record) === 1 ? lost : publish(record);
    };
    const house = auction();
    const { url } = await startApp({ log, gateway: { topics: [house.topic] } }, [house.Bidding]);
    const identity = await rawIdentity();
    const client = await RawClient.welcome(url, {}, { identity });
    const others = [await RawClient.welcome(url, {}, { identity }), await RawClient.welcome(url, {}, { identity })];
    const requestId = client.request(house.topic, 'PlaceBid', bid);
    await expect.poll(() => commands.length).toBe(1);
    onTestFinished(lose); // else a test that fails could not stop its application
    return { ...house, client, others, commands, lose, requestId };
  }

  it('is a new request to whoever made it again meanwhile, and is sent once for all of them', async () => {
    const { topic, client, others, commands, effects, requestId, lose } = await start();
    for (const other of others) await repeat(other, topic, requestId, bid);

    lose();

    expect((await client.next('error')).data).toMatchObject({ requestId, code: 'unavailable', temporary: true });
    for (const other of others) {
      expect(await other.next(answered)).toMatchObject({ event: 'accepted', data: { requestId } });
      expect(await other.outcome(topic, requestId)).toMatchObject({ status: 'success' });
    }
    expect(commands.length).toBe(2); // the one that was lost, and one for all of them
    expect(effects).toEqual([120]);
  });
});

describe('a request that another gateway may have sent before', () => {
  it('is not told to be unavailable where this one cannot reach Kafka: it may be carried out', async () => {
    const log = new MemoryMessageLog();
    const house = auction();
    const { url } = await startApp({ log, gateway: { topics: [house.topic] } }, [house.Bidding]);
    const client = await RawClient.welcome(url);
    const publish = log.publish.bind(log);
    let reachable = false;
    log.publish = async (record) => {
      if (!reachable && record.headers['ce_type'] === 'command.PlaceBid') throw away();
      return publish(record);
    };

    const requestId = client.request(house.topic, 'PlaceBid', bid, { age: 10 });

    expect((await client.next('error')).data).toMatchObject({ requestId, code: 'pending', temporary: true });
    reachable = true;
    client.request(house.topic, 'PlaceBid', bid, { requestId, age: 20 });
    expect(await client.outcome(house.topic, requestId)).toMatchObject({ status: 'success' });
  });

  it('ends in a time-out where nobody could send it', async () => {
    const log = new MemoryMessageLog();
    const house = auction();
    const { url } = await startApp({ log, gateway: { topics: [house.topic], ttl: { grace: 50 } } }, [house.Bidding]);
    const client = await RawClient.welcome(url);
    const publish = log.publish.bind(log);
    log.publish = async (record) => {
      if (record.headers['ce_type'] === 'command.PlaceBid') throw away();
      return publish(record);
    };

    const requestId = client.request(house.topic, 'PlaceBid', bid, { age: 10, ttl: 200 });

    expect((await client.next('error')).data).toMatchObject({ requestId, code: 'pending' });
    expect(await client.outcome(house.topic, requestId)).toMatchObject({ status: 'timeout' });
  });
});

describe('a request that is made again', () => {
  /** An accepted request of a client that has another socket at a second gateway on the same log, which was not asked for it. */
  async function start({ ttl = 60_000, limits = {} }: { ttl?: number; limits?: object } = {}) {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const first = await startApp({ log, gateway: { topics: [topic] } });
    const second = await startApp({ log, gateway: { topics: [topic], limits, ttl: { grace: 50 } } });
    const client = await RawClient.welcome(first.url);
    const elsewhere = await RawClient.welcome(second.url, {}, { identity: client.identity });
    const requestId = client.request(topic, 'Nobody', {}, { ttl });
    const accepted = (await client.next('accepted')).data;
    return { log, topic, first, client, elsewhere, url: second.url, requestId, accepted };
  }

  it('is accepted by the gateway that took it, though the log cannot be read now', async () => {
    const { log, topic, client, requestId, accepted } = await start();
    log.read = () => {
      throw away();
    };

    client.request(topic, 'Nobody', {}, { requestId });

    expect(await client.next(answered)).toEqual({ event: 'accepted', data: accepted });
  });

  it('is told to wait by another gateway, when the log cannot be read now, and ends', async () => {
    const { log, topic, elsewhere: client, requestId } = await start({ ttl: 500 });
    log.read = () => {
      throw away();
    };

    client.request(topic, 'Nobody', {}, { requestId });

    expect((await client.next(answered)).data).toMatchObject({ requestId, code: 'pending', temporary: true });
    expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'timeout' });
  });

  it('is told to wait, and not left alone, when its command cannot be found', { timeout: 5_000 }, async () => {
    const { log, topic, elsewhere: client, requestId } = await start();
    const read = log.read.bind(log);
    let asked = false;
    log.read = ({ from, to, ...place }, signal) => {
      asked = true;
      return read({ ...place, from: from + 1_000n, to: to + 1_000n }, signal); // waits for what is not written
    };
    const time = new AbortController();
    vi.spyOn(AbortSignal, 'timeout').mockReturnValue(time.signal);
    onTestFinished(() => void vi.restoreAllMocks());

    client.request(topic, 'Nobody', {}, { requestId });
    await expect.poll(() => asked).toBe(true);
    time.abort(new Error('the time is over'));

    expect((await client.next(answered)).data).toMatchObject({ requestId, code: 'pending', temporary: true });
  });

  it('has one outcome, when that comes while another gateway takes over its time-out', async () => {
    const { log, topic, first, client, elsewhere, requestId, accepted } = await start({ ttl: 2_000 });
    await first.stop(); // and its time-outs with it
    const follower = await LogFollower.follow(log, [topic]);
    const [, partition, offset] = accepted.at as [string, number, string];
    let goOn!: () => void;
    const decided = new Promise<void>((resolve) => (goOn = resolve));
    onTestFinished(goOn);
    const read = log.read.bind(log);
    let reads = 0;
    log.read = async function* (range, signal) {
      if (String(range.from) === offset && ++reads > 1) await decided;
      yield* read(range, signal);
    };

    elsewhere.request(topic, 'Nobody', {}, { requestId });
    await elsewhere.next('accepted');
    await writeResult(log, client, topic, partition, requestId, { status: 'success' });
    await elsewhere.outcome(topic, requestId);
    goOn();
    const marker = elsewhere.request(topic, 'Nobody', {}, { ttl: 2_500 }); // ends later
    expect(await elsewhere.outcome(topic, marker)).toMatchObject({ status: 'timeout' });

    expect(follower.outcomes(requestId)).toEqual([expect.objectContaining({ status: 'success' })]);
    expect(reads).toBe(1);
  });

  it('is accepted, and not refused as well, by a gateway that can take no more', async () => {
    const { topic, url, elsewhere: client, requestId } = await start({ limits: { requests: 1 } });
    const stranger = await RawClient.welcome(url);
    stranger.request(topic, 'Nobody', {});
    await stranger.next('accepted');

    client.request(topic, 'Nobody', {}, { requestId });
    await client.next('accepted');
    client.request(topic, 'Nobody', {}, { requestId }); // its answer takes as many steps as what the first one left behind
    await client.next('accepted');

    expect(client.unread.filter(({ event }) => event === 'error')).toEqual([]);
  });
});
