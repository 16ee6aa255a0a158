import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { MessageLog } from '../lib/log/message.log.js';
import { decodeMessage } from '../lib/message/cloud-events.codec.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { EventHandler } from '../lib/service/declaration/event-handler.decorator.js';
import { EventPublisher } from '../lib/service/declaration/event-publisher.decorator.js';
import { ClaimInbox } from '../lib/service/inbox/claim.inbox.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { inboxOptions, redisStore, sharedInboxes } from './support/inboxes.js';
import { describeWithRedis } from './support/real.parts.js';
import { RedisServer } from './support/redis.server.js';
import { refuse } from './support/refused.records.js';
import { BACKENDS, fresh, Gate, openLog, request, startService, type TestServiceOptions } from './support/service.js';
import { redisOptions } from './support/timeouts.js';

/** An amount that cannot be booked. */
const UNLUCKY = 13;

/** A service that pays, and says so before and after. */
function bank(gate?: Gate) {
  const topic = fresh('bank');
  const effects: number[] = [];
  const booked: number[] = [];
  @CommandAddress(topic, 'Pay')
  class Pay {
    amount!: number;
    fail?: boolean;
  }
  @EventEntity(topic, 'Payment')
  class Payment {
    amount!: number;
  }
  @Injectable()
  class Paying {
    constructor(private readonly publisher: MessagePublisher) {}
    @CommandHandler(Pay)
    @EventPublisher(Payment, 'Made')
    async pay({ data: { amount, fail } }: { data: Pay }) {
      effects.push(amount);
      await this.publisher.event(Payment, 'Begun', { amount });
      await gate?.opened;
      if (fail) throw new Error('broken');
      return { amount };
    }
    @EventHandler(Payment, 'Made')
    book({ data: { amount } }: { data: Payment }) {
      booked.push(amount);
      if (amount === UNLUCKY) throw new Error('no ink');
    }
  }
  return { topic, Payment, Paying, effects, booked };
}

/** Begins a command with an instance that ends before the log takes these records, and brings the next one up. */
async function cutOff(
  log: MessageLog,
  { topic, Paying }: ReturnType<typeof bank>,
  isRefused: (topic: string, type: string) => boolean,
  { fail = false, inbox }: { fail?: boolean; inbox?: () => TestServiceOptions['inbox'] } = {},
) {
  const options = { name: fresh('bank'), drainTimeout: 1 };
  const given = { log, providers: [Paying], options };
  const first = await startService({ ...given, inbox: inbox?.() });
  const refusal = refuse(log, isRefused);
  const { requestId, at } = await request(log, topic, 'Pay', { amount: 5, fail });
  // Twice: what was published side by side with it has been written by then.
  await vi.waitUntil(() => refusal.tries >= 2, { timeout: 15_000 });
  await first.runner.stop();
  refusal.lifted = true;
  const second = await startService({ ...given, inbox: inbox?.() });
  // Of the same key, so behind whatever comes of the first one.
  const marker = await request(log, topic, 'Pay', { amount: 6 }, { partition: at.partition });
  await second.follower.outcome(marker.requestId);
  await second.follower.message('event.Payment.Made', ({ payload }) => amountIn(payload.data) === 6);
  return { follower: second.follower, requestId };
}

const amountIn = (data: unknown): number => (data as { amount: number }).amount;

function amountsOf(records: readonly Parameters<typeof decodeMessage>[0][]): number[] {
  return records.map((record) => amountIn(decodeMessage(record).payload.data));
}

describe.each(BACKENDS)('without an inbox, a service that ends on the %s log', (backend) => {
  it('when its answer is written and its events are not, loses those events', async () => {
    const house = bank();
    const log = await openLog(backend);

    const { follower, requestId } = await cutOff(log, house, (_, type) => type === 'event.Payment.Made');

    expect(follower.outcomes(requestId)).toEqual([{ status: 'success', value: { amount: 5 } }]);
    expect(house.effects).toEqual([5, 6]);
    expect(amountsOf(follower.ofType('event.Payment.Made'))).toEqual([6]);
  });
});

describe('without an inbox, a service that ends', () => {
  it('between the effect and the answer, has it carried out again, and what it published meanwhile is there twice', async () => {
    const house = bank();
    const log = await openLog('memory');

    const { follower, requestId } = await cutOff(log, house, (_, type) => type === 'result.Pay');

    expect(follower.outcomes(requestId)).toEqual([{ status: 'success', value: { amount: 5 } }]);
    expect(house.effects).toEqual([5, 5, 6]);
    const begun = follower.ofType('event.Payment.Begun');
    expect(amountsOf(begun)).toEqual([5, 5, 6]);
    expect(new Set(begun.map((record) => decodeMessage(record).id)).size).toBe(3);
  });
});

describe('the dead letter of a command whose service ends when its failure is told', () => {
  const isLetter = (topic: string): boolean => topic.endsWith('.dlq');

  it('is missing without an inbox', async () => {
    const house = bank();
    const { follower, requestId } = await cutOff(await openLog('memory'), house, isLetter, { fail: true });

    expect(follower.outcomes(requestId)).toMatchObject([{ status: 'failed' }]);
    expect(house.effects).toEqual([5, 6]);
    expect(follower.deadLetters).toEqual([]);
  });

  it('is written by the next instance with an inbox', async () => {
    const house = bank();
    const inbox = sharedInboxes('memory');
    const { follower, requestId } = await cutOff(await openLog('memory'), house, isLetter, { fail: true, inbox });

    expect(follower.outcomes(requestId)).toMatchObject([{ status: 'failed' }]);
    expect(house.effects).toEqual([5, 6]);
    expect(await follower.deadLetter()).toMatchObject({ dlq_reason: 'failed', dlq_error: 'Error: broken' });
  });
});

describe('the dead letter of an event whose service ends before it is written', () => {
  it('comes with the next instance, which handles the event again', async () => {
    const { Payment, Paying, booked } = bank();
    const log = await openLog('memory');
    const given = { log, providers: [Paying], options: { name: fresh('bank'), drainTimeout: 1 } };
    const first = await startService(given);
    const refusal = refuse(log, (topic) => topic.endsWith('.dlq'));
    await first.publisher.event(Payment, 'Made', { amount: UNLUCKY }, { key: 'k' });
    await vi.waitUntil(() => refusal.tries >= 2);
    await first.runner.stop();
    refusal.lifted = true;

    const { follower } = await startService(given);

    expect(await follower.deadLetter()).toMatchObject({ dlq_reason: 'failed', ce_type: 'event.Payment.Made' });
    expect(booked).toEqual([UNLUCKY, UNLUCKY]);
  });
});

describe('what a method publishes without an inbox', () => {
  it('is in the log at once, and stays there where the method throws', async () => {
    const gate = new Gate();
    const { topic, Paying } = bank(gate);
    const { log, follower } = await startService({ providers: [Paying] });
    const { requestId } = await request(log, topic, 'Pay', { amount: 5, fail: true });

    await follower.message('event.Payment.Begun');
    expect(follower.outcomes(requestId)).toEqual([]);
    gate.open();

    expect(await follower.outcome(requestId)).toMatchObject({ status: 'failed' });
    expect(amountsOf(follower.ofType('event.Payment.Begun'))).toEqual([5]);
    expect(follower.ofType('event.Payment.Made')).toEqual([]);
  });
});

describe('an event that is in the log twice', () => {
  it('is handled twice without an inbox', async () => {
    const { Payment, Paying, booked } = bank();
    const { log, publisher } = await startService({ providers: [Paying] });
    const publish = log.publish.bind(log);
    // As where its acknowledgement is lost, and its producer writes it again.
    log.publish = async (record) => publish(record).then(() => publish(record));

    await publisher.event(Payment, 'Made', { amount: 5 }, { key: 'k' });

    await vi.waitUntil(() => booked.length === 2);
    expect(booked).toEqual([5, 5]);
  });
});

describe('two services that handle the same command', () => {
  it('may both carry it out: there are two answers in the log', async () => {
    const gate = new Gate();
    const { topic, Paying, effects } = bank(gate);
    const log = await openLog('memory');
    const { follower } = await startService({ log, providers: [Paying] });
    await startService({ log, providers: [Paying] });

    const { requestId } = await request(log, topic, 'Pay', { amount: 5 });
    await vi.waitUntil(() => effects.length === 2);
    gate.open();

    await follower.next('both answers', () => follower.outcomes(requestId).length === 2);
    expect(effects).toEqual([5, 5]);
  });
});

describeWithRedis('an inbox whose Redis was emptied', () => {
  it('lets run again what it had kept, and keeps what comes of it', async () => {
    const redis = await RedisServer.start();
    onTestFinished(() => redis.stop());
    const { topic, Paying, effects } = bank();
    const inbox = new ClaimInbox(redisStore(redisOptions(redis.url)), inboxOptions());
    const { log, follower } = await startService({ providers: [Paying], inbox });
    const crumbs = { requestId: randomUUID() };
    /** Sent again into another partition, where only the inbox knows it. */
    const send = async (partition: number): Promise<void> => {
      await request(log, topic, 'Pay', { amount: 5 }, { crumbs, partition });
      await follower.next('answer', () => follower.outcomes(crumbs.requestId).length === partition + 1);
    };

    await send(0);
    await redis.empty();
    await send(1);
    await send(2);

    expect(effects).toEqual([5, 5]);
  });
});
