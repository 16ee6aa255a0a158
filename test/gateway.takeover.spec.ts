import { randomUUID } from 'node:crypto';
import { KafkaSocketHealth, LogUnavailableError, MemoryMessageLog, type MessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { LogPosition } from '../lib/message/record.js';
import { decodeMessage } from '../lib/message/cloud-events.codec.js';
import { kafkaAdapter, memoryAdapter } from './fixtures/log.adapters.js';
import { launchApp, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { LaggingTail } from './support/lagging.tail.js';
import { LogFollower } from './support/log.follower.js';
import { RawClient } from './support/raw.client.js';

const LOGS = [memoryAdapter, kafkaAdapter].filter(({ skip }) => !skip);
const BID = { lot: 7, amount: 120 };

/** Ends a gateway, as far as anybody can tell, when its next record is written: it hears of nothing and writes nothing more. */
function diesAfterWriting(log: MessageLog): Promise<LogPosition> {
  const publish = log.publish.bind(log);
  return new Promise((written) => {
    log.publish = async (record) => {
      log.publish = () => Promise.reject(new LogUnavailableError('this gateway is dead', false));
      written(await publish(record));
      return new Promise(() => undefined);
    };
  });
}

describe.each(LOGS)('a gateway that dies between writing a command and saying so, on $name,', ({ open }) => {
  /** A client's request that the log has and nobody has accepted, and another gateway that may fall behind. */
  async function start(command: string, payload: object, ttl: number) {
    const [first, second, services] = (await open(3)) as [MessageLog, MessageLog, MessageLog];
    const { topic, Bidding, effects } = auction();
    const gateway = { topics: [topic], ttl: { grace: 50 }, drainTimeout: 50 };
    const service = () => `service-${randomUUID()}`;
    const reading = new LaggingTail(second);
    await startApp({ service: service(), log: services }, [Bidding]);
    const dying = await startApp({ service: service(), log: first, gateway });
    const other = await startApp({ service: service(), log: second, gateway });
    const follower = await LogFollower.follow(services, [topic]);
    const death = diesAfterWriting(first);
    const client = await RawClient.welcome(dying.url);
    reading.fallBehind();
    const requestId = client.request(topic, command, payload, { ttl });
    const at = await death;
    await client.cut();
    const { positions, epoch } = client.welcomed;
    const come = (hello: object) => RawClient.welcome(other.url, { ...hello }, { identity: client.identity });
    const again = (back: RawClient, age: number): void =>
      void back.request(topic, command, payload, { requestId, ttl, age });
    return { topic, effects, follower, at, positions, epoch, requestId, come, again, reading };
  }

  it('leaves it to the next one, which knows it from the log: one effect, one outcome', async () => {
    const { effects, follower, at, positions, epoch, requestId, come, again, reading } = await start(
      'PlaceBid',
      BID,
      20_000,
    );
    reading.catchUp();
    const back = await come({ positions, epoch });
    await back.next('recovered');

    again(back, 100);

    expect((await back.next('accepted')).data).toMatchObject({
      requestId,
      at: [at.topic, at.partition, String(at.offset)],
    });
    expect(await follower.outcome(requestId)).toMatchObject({ status: 'success' });
    expect(effects).toEqual([120]);
    expect(follower.ofType('command.PlaceBid')).toHaveLength(1);
  });

  it('leaves it to the next one by its first deadline', async () => {
    const { topic, follower, positions, epoch, requestId, come, again, reading } = await start('Nobody', {}, 1_500);
    reading.catchUp();
    const back = await come({ positions, epoch });
    await back.next('recovered');

    again(back, 100);

    expect(await back.outcome(topic, requestId)).toMatchObject({ status: 'timeout' });
    const [command] = follower.ofType('command.Nobody').map(decodeMessage);
    const outcome = await follower.message('result.Nobody', ({ breadCrumbs }) => breadCrumbs.requestId === requestId);
    expect(outcome.breadCrumbs.deadline).toBe(command!.breadCrumbs.deadline);
  });

  it('leaves it to one that has not read that far: it is written twice, and still has one effect and one outcome', async () => {
    const { topic, effects, follower, requestId, come, again, reading } = await start('PlaceBid', BID, 20_000);
    const back = await come({});

    again(back, 100);

    expect((await back.next('accepted')).data).toMatchObject({ requestId });
    await follower.next('second command', (record) => record === follower.ofType('command.PlaceBid')[1]);
    reading.catchUp();
    expect(await back.outcome(topic, requestId)).toMatchObject({ status: 'success' });
    const marker = back.request(topic, 'PlaceBid', { lot: 7, amount: 130 });
    expect(await back.outcome(topic, marker)).toMatchObject({ status: 'success' });
    expect(effects).toEqual([120, 130]);
    expect(back.unread.filter(({ event }) => event === back.channel(topic))).toEqual([]);
  });

  it('leaves it to one that has not read that far, and which finds the deadline by the age', async () => {
    const { follower, come, again } = await start('Nobody', {}, 60_000);
    const back = await come({});

    const began = performance.now();
    again(back, 20_000);
    await back.next('accepted');

    await follower.next('second command', (record) => record === follower.ofType('command.Nobody')[1]);
    const [first, second] = follower
      .ofType('command.Nobody')
      .map((record) => decodeMessage(record).breadCrumbs.deadline!);
    const later = second! - first! + 20_000; // as late as it was sent again
    expect(later).toBeGreaterThanOrEqual(0);
    expect(later).toBeLessThan(performance.now() - began + 5_000);
  });
});

describe('a gateway that begins', () => {
  /** One that has not read the log back, which holds a decided request, until it may. */
  async function start(away = 0, helloTimeout = 10_000) {
    vi.useFakeTimers({ toFake: ['Date'] }); // only what time it is: nothing here waits for it to pass
    onTestFinished(() => void vi.useRealTimers());
    const log = new MemoryMessageLog();
    const { topic, Bidding, effects } = auction();
    const ttl = { default: 60_000, maximum: 60_000, grace: 1_000 };
    const before = await startApp({ log, gateway: { topics: [topic], ttl } }, [Bidding]);
    const client = await RawClient.welcome(before.url);
    const requestId = client.request(topic, 'PlaceBid', BID);
    const outcome = await client.outcome(topic, requestId);
    vi.setSystemTime(Date.now() + away);
    const reading = new LaggingTail(log);
    reading.fallBehind();
    const { app, url } = await launchApp({ log, gateway: { topics: [topic], ttl, helloTimeout } }, [Bidding]);
    const come = () => RawClient.connect(url, { identity: client.identity });
    return { topic, effects, requestId, outcome, health: () => app.get(KafkaSocketHealth).check(), come, reading };
  }

  it('is not ready until it has read the log back', async () => {
    const { health, reading } = await start();
    expect(health()).toMatchObject({
      ready: false,
      details: { gateway: 'the gateway has not read the log back yet' },
    });

    reading.catchUp();

    await expect.poll(() => health().ready).toBe(true);
  });

  it('welcomes nobody before, and sends who waits too long to another one', async () => {
    const { come } = await start(0, 100);
    const client = await come();

    client.hello();

    expect(await client.closed).toMatchObject({ code: 4010 });
    expect(client.unread).toEqual([]);
  });

  it('welcomes who waited, and knows what was decided as long ago as a request may live', async () => {
    const { topic, effects, requestId, outcome, come, reading } = await start(60_900);
    const client = await come();
    client.hello();
    client.request(topic, 'PlaceBid', BID, { requestId });

    reading.catchUp();

    await client.next('welcome');
    const { data } = await client.next('accepted');
    expect(await client.open(topic, requestId, data.outcome.sealed)).toEqual(outcome);
    expect(effects).toEqual([120]);
  });
});
