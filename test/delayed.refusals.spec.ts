import { KafkaSocketHealth, MessagePublisher } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { MemoryMessageLog } from '../lib/log/memory/memory.message.log.js';
import { startApp } from './support/app.js';
import { closingLots } from './support/closing.lots.js';
import { RawClient } from './support/raw.client.js';
import { describeWithRedis } from './support/real.parts.js';
import { RedisServer } from './support/redis.server.js';

const refused = { code: 'delay_refused', temporary: false };

describe('what cannot be scheduled', () => {
  async function publisher() {
    const lots = closingLots();
    const { app } = await startApp(
      { log: new MemoryMessageLog(), handlers: { maxDelayedBytes: 2_000 }, timeouts: { maximumDelayed: 2 } },
      [lots.Lots],
    );
    return { ...lots, later: app.get(MessagePublisher) };
  }

  it.each([
    ['no time', {}, /one of "at" and "after"/],
    ['two times', { at: 1, after: 1 }, /and not both/],
    ['a time that is none', { at: new Date('never') }, /"at" is no time/],
    ['a time that no date can hold', { at: 1e16 }, /"at" is no time/],
    ['an end that nobody has set', { at: null }, /"at" is no time/],
    ['a time as text', { at: '1767225600000' }, /"at" is no time/],
    ['a negative pause', { after: -1 }, /"after" is -1/],
    ['a pause that is no number', { after: '5' }, /"after" is 5/],
    ['a pause beyond all dates', { after: 1e16 }, /"after" is 10000000000000000/],
    ['no time to live', { after: 1, ttl: 0 }, /"ttl" is 0/],
    ['a time to live beyond all dates', { after: 1, ttl: 8.64e15 }, /"ttl" is 8640000000000000/],
    ['a key that is no text', { after: 1, key: 7 }, /"key" .* no text/],
    ['an id that is no text', { after: 1, id: 7 }, /"id" .* no text/],
    ['an empty id', { after: 1, id: '' }, /"id" .* no text/],
  ])('is refused: %s', async (_, options, message) => {
    const { later, CloseLot } = await publisher();
    const sent = later.sendLater(CloseLot, { lot: 1 }, options as never);
    await expect(sent).rejects.toMatchObject({ ...refused, message: expect.stringMatching(message) });
  });

  it.each([
    ['no pause', { id: 'a' }, /one of "every" and "cron"/],
    ['a pause below a second', { id: 'a', every: 999 }, /1000 at least/],
    ['a pause after which there are no dates', { id: 'a', every: 2 ** 53 - 1 }, /there still are dates/],
    ['a cron expression that is none', { id: 'a', cron: 'now and then' }, /no cron expression/],
    ['a cron expression of the wrong fields', { id: 'a', cron: '0 25 * * *' }, /comes again/],
    ['a cron expression that is not set', { id: 'a', cron: '' }, /not five fields/],
    ['a cron expression that is cut off', { id: 'a', cron: '3' }, /not five fields/],
    ['no id', { every: 1_000 }, /needs an "id"/],
  ])('is refused again and again: %s', async (_, options, message) => {
    const { later, CloseLot } = await publisher();
    const sent = later.sendEvery(CloseLot, { lot: 1 }, options as never);
    await expect(sent).rejects.toMatchObject({ ...refused, message: expect.stringMatching(message) });
  });

  it('is a payload above the limit, and the error does not show it', async () => {
    const { later, CloseLot } = await publisher();
    const sent = later.sendLater(CloseLot, { lot: 1, secret: 's3cret'.repeat(400) } as never, { after: 1 });
    await expect(sent).rejects.toMatchObject({
      ...refused,
      message: expect.stringMatching(/handlers.maxDelayedBytes/),
    });
    await expect(sent).rejects.not.toMatchObject({ message: expect.stringContaining('s3cret') });
  });

  it('is a class without an address', async () => {
    const { later } = await publisher();
    await expect(async () => later.sendLater(class Nowhere {}, {}, { after: 1 })).rejects.toMatchObject({
      code: 'class_unaddressed',
    });
  });

  it('is one more than a process may keep, until one is taken back', async () => {
    const { later, CloseLot } = await publisher();
    for (const id of ['a', 'b']) await later.sendLater(CloseLot, { lot: 1 }, { after: 60_000, id });
    const third = () => later.sendLater(CloseLot, { lot: 1 }, { after: 60_000, id: 'c' });
    await expect(third()).rejects.toMatchObject({ code: 'timeouts_unavailable', sent: false, temporary: true });
    await later.cancelLater('a');
    expect(await third()).toMatchObject({ state: 'new' });
  });
});

describe('a client', () => {
  it('schedules nothing by what it adds to its request', async () => {
    const lots = closingLots();
    const { url } = await startApp({ gateway: { topics: [lots.topic] } }, [lots.Lots]);
    const client = await RawClient.welcome(url);
    const far = Date.now() + 3_600_000;
    const extras = {
      at: far,
      after: 3_600_000,
      delay: 3_600_000,
      due: far,
      every: 1_000,
      cron: '* * * * *',
      id: 'mine',
    };

    const id = client.request(lots.topic, 'CloseLot', { lot: 7, ...extras }, extras);

    expect(await client.outcome(lots.topic, id)).toMatchObject({ status: 'success' });
    expect(lots.closed).toHaveLength(1);
    expect(lots.closed[0]!.context.message.breadCrumbs.due).toBeUndefined();
  });
});

describeWithRedis('while Redis is away', () => {
  it('nobody is told that a command is scheduled, and none is', { timeout: 40_000 }, async () => {
    const redis = await RedisServer.start();
    const lots = closingLots();
    const options = { redis: { host: '127.0.0.1', port: Number(new URL(redis.url).port) } };
    const { app, stop } = await startApp({ log: new MemoryMessageLog(), ...options }, [lots.Lots]);
    const publisher = app.get(MessagePublisher);
    await redis.kill();
    await expect.poll(() => app.get(KafkaSocketHealth).check().details.timeouts).not.toBe('up');

    const unavailable = { code: 'timeouts_unavailable', temporary: true, sent: false };
    await expect(publisher.sendLater(lots.CloseLot, { lot: 1 }, { after: 0 })).rejects.toMatchObject(unavailable);
    await expect(publisher.cancelLater('any')).rejects.toMatchObject(unavailable);
    await redis.restart();
    const again = () => publisher.sendLater(lots.CloseLot, { lot: 2 }, { after: 0, id: 'two' }).catch(() => undefined);
    await expect.poll(again, { timeout: 15_000, interval: 50 }).toMatchObject({ state: 'new' });
    await expect.poll(() => lots.closed.map(({ lot }) => lot), { timeout: 5_000 }).toEqual([2]);
    await stop();
    await redis.stop();
  });
});
