import { randomUUID } from 'node:crypto';
import { type KafkaSocketModuleOptions, MessagePublisher } from 'nestjs-kafka-socket';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import type { MessageLog } from '../lib/log/message.log.js';
import { messageTime } from '../lib/message/message.id.js';
import type { LogRecord } from '../lib/message/record.js';
import { shared, startApp } from './support/app.js';
import { closingLots } from './support/closing.lots.js';
import { LogFollower } from './support/log.follower.js';
import { type Backend, BACKENDS, openLog, request } from './support/service.js';
import { redisOptions } from './support/timeouts.js';

/** In memory all in the process; on Kafka with Redis beside it, where there is one. What the log has no part in is tried in memory alone. */
function place(backend: Backend, log: MessageLog): Partial<KafkaSocketModuleOptions> {
  const url = inject('redisUrl');
  if (backend === 'memory') return { log };
  if (!url) return shared('kafka');
  const { host, port, username, password, prefix } = redisOptions(url);
  return {
    ...shared('kafka'),
    redis: { host, port, prefix, ...(username && { username }), ...(password && { password }) },
  };
}

describe.each(BACKENDS)('a delayed command, on the %s log', (backend) => {
  let log: MessageLog;
  beforeEach(async () => void (log = await openLog(backend)));

  async function open(options: Partial<KafkaSocketModuleOptions> = {}, lots = closingLots()) {
    const { app, stop } = await startApp({ ...place(backend, log), ...options }, [lots.Lots]);
    const follower = await LogFollower.follow(log, [lots.topic, `${lots.topic}.dlq`]);
    const publisher = app.get(MessagePublisher);
    const ask = async (data: object, more: Parameters<typeof request>[4] = {}) => {
      const asked = await request(log, lots.topic, 'OpenLot', { lot: 1, ...data }, more);
      return { ...asked, outcome: await follower.outcome(asked.requestId) };
    };
    /** What came before this in its partition was handled, or will never be. */
    const marker = async (key: string): Promise<void> => {
      const last = await request(log, lots.topic, 'OpenLot', { lot: 0 }, { key });
      await follower.outcome(last.requestId);
    };
    const records = () => follower.ofType('command.CloseLot');
    return { ...lots, publisher, follower, ask, marker, records, stop };
  }

  it('is handled once, at its time and not before', async () => {
    const { publisher, closed, CloseLot, marker, records } = await open();
    const at = Date.now() + 300;

    const scheduled = await publisher.sendLater(CloseLot, { lot: 7 }, { at: new Date(at), key: 'lot-7' });
    await expect.poll(() => closed.length).toBe(1);

    expect(scheduled).toEqual({ id: expect.any(String), due: at, state: 'new' });
    expect(closed[0]!.at).toBeGreaterThanOrEqual(at);
    expect(closed[0]).toMatchObject({ lot: 7, context: { message: { breadCrumbs: { due: at, attempt: 1 } } } });
    await marker('lot-7');
    expect(records()).toHaveLength(1);
  });

  it('follows from the message that scheduled it, and is no part of its request', async () => {
    const { closed, follower, ask, records } = await open();
    const user = JSON.stringify({ sub: 'zoë' });
    const crumbs = { user, deadline: Date.now() + 5_000, timeoutId: 'armed', others: { tenant: 'north' } };

    const asked = await ask({ when: { after: 100 } }, { key: 'lot-1', crumbs });
    await expect.poll(() => closed.length).toBe(1);
    await follower.message('result.CloseLot');

    const { breadCrumbs } = closed[0]!.context.message;
    expect(breadCrumbs).toMatchObject({ correlationId: asked.id, causationId: asked.id, user });
    expect(breadCrumbs.others).toMatchObject({ tenant: 'north' });
    expect(closed[0]!.context.user).toEqual({ sub: 'zoë' });
    for (const gone of ['requestId', 'sessionId', 'publicKey', 'reply', 'timeoutId', 'deadline'] as const)
      expect(breadCrumbs[gone]).toBeUndefined();
    expect(records()[0]!.key!.toString()).toBe('lot-1');
    expect(follower.outcomes(asked.requestId)).toEqual([{ status: 'success', value: 'open' }]);
  });

  it('is carried out once where its publisher wrote it twice, also after a restart', async () => {
    const lots = closingLots();
    const service = `lots-${randomUUID()}`;
    const first = await open({ service }, lots);
    await first.publisher.sendLater(lots.CloseLot, { lot: 7 }, { after: 0, key: 'lot-7' });
    await expect.poll(() => lots.closed.length).toBe(1);

    const [record] = first.records();
    await again(record!);
    await first.marker('lot-7');
    await first.stop();
    const second = await open({ service }, lots);
    await again(record!);
    await second.marker('lot-7');

    expect(second.records()).toHaveLength(3);
    expect(lots.closed).toHaveLength(1);
    // One that was given up and is sent back is no repetition.
    await again(record!, { dlq_replays: '1' });
    await expect.poll(() => lots.closed.length).toBe(2);
  });

  if (backend === 'kafka') return;

  it('is the same message however often it is scheduled for the same time, and another one else', async () => {
    const { publisher, CloseLot, closed, marker } = await open();
    const at = Date.now() - 1_000;
    for (let i = 0; i < 3; i++) {
      await publisher.sendLater(CloseLot, { lot: 7 }, { at, id: 'close-7', key: 'lot-7' });
      await expect.poll(() => closed.length).toBe(1);
    }
    await publisher.sendLater(CloseLot, { lot: 7 }, { at: at + 1, id: 'close-7', key: 'lot-7' });
    await expect.poll(() => closed.length).toBe(2);
    await marker('lot-7');
    expect(closed).toHaveLength(2);
  });

  it('that comes later than its time to live is dead, and one without is not', async () => {
    const { publisher, CloseLot, closed, follower } = await open();
    const at = Date.now() - 60_000;
    await publisher.sendLater(CloseLot, { lot: 1 }, { at, ttl: 1_000, key: 'lot' });
    expect(await follower.deadLetter()).toMatchObject({ dlq_reason: 'expired' });
    await publisher.sendLater(CloseLot, { lot: 2 }, { at, key: 'lot' });
    await expect.poll(() => closed.map(({ lot }) => lot)).toEqual([2]);
  });

  it('belongs to its service: no other one cancels it, and both may use one name', async () => {
    const lots = closingLots();
    const [here, there] = [await open({}, lots), await open({}, closingLots())];
    const later = { after: 60_000, id: 'one-name' };
    expect(await here.publisher.sendLater(here.CloseLot, { lot: 1 }, later)).toMatchObject({ state: 'new' });
    expect(await there.publisher.cancelLater('one-name')).toBe(false);
    expect(await there.publisher.sendLater(there.CloseLot, { lot: 1 }, later)).toMatchObject({ state: 'new' });
    expect(await here.publisher.cancelLater('one-name')).toBe(true);
    expect(await there.publisher.cancelLater('one-name')).toBe(true);
  });

  describe('that a handler schedules which then throws', () => {
    const fails = { fails: true, when: { after: 0, key: 'lot-1', id: 'of-a-failure' } };

    it('comes all the same without an inbox', async () => {
      const { ask, closed, answers } = await open();
      expect((await ask(fails)).outcome.status).toBe('failed');
      await expect.poll(() => closed.length).toBe(1);
      expect(answers[0]!.state).toBe('new');
    });

    it('never comes where there is an inbox', async () => {
      const { ask, answers, closed, marker, records } = await open({ handlers: { inbox: { store: 'memory' } } });
      expect((await ask(fails)).outcome.status).toBe('failed');
      expect(answers[0]!.state).toBe('held');
      await ask({ when: { after: 200, key: 'lot-1' } });
      await expect.poll(() => closed.length).toBe(1); // it stood behind
      await marker('lot-1');
      expect(records()).toHaveLength(1);
    });
  });

  it('is scheduled when its handler has returned, where there is an inbox, and can be taken back before', async () => {
    const { ask, publisher, closed } = await open({ handlers: { inbox: { store: 'memory' } } });
    const when = { after: 60_000, id: 'held' };
    expect((await ask({ when, cancels: 'held' })).outcome).toMatchObject({ value: 'true' });
    expect(await publisher.cancelLater('held')).toBe(false);
    await ask({ when });
    expect(await publisher.cancelLater('held')).toBe(true);
    await ask({ when: { after: 0, id: 'held' } });
    await expect.poll(() => closed.length).toBe(1);
  });

  it('without any key goes by its own id, so that both copies of it meet', async () => {
    const { publisher, CloseLot, closed, records } = await open();
    await publisher.sendLater(CloseLot, { lot: 1 }, { after: 0 });
    await expect.poll(() => closed.length).toBe(1);
    const { id } = closed[0]!.context.message;
    expect(messageTime(id)).toBeUndefined(); // made of its name and its time
    await expect.poll(() => records()[0]?.key?.toString()).toBe(id);
  });

  async function again({ topic, key, value, headers }: LogRecord, more: Record<string, string> = {}): Promise<void> {
    await log.publish({ topic, key, value, headers: { ...headers, ...more } });
  }
});
