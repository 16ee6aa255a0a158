import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';
import type { MessageLog } from '../lib/log/message.log.js';
import { LogUnavailableError } from '../lib/log/log.errors.js';
import { decodeMessage } from '../lib/message/cloud-events.codec.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { EventEntity } from '../lib/entity/event-entity.decorator.js';
import { EventPublisher } from '../lib/service/declaration/event-publisher.decorator.js';
import { MessagePublisher } from '../lib/service/message.publisher.js';
import { CommandRejectedError } from '../lib/service/service.errors.js';
import { INBOX_KINDS, sharedInboxes } from './support/inboxes.js';
import type { LogFollower } from './support/log.follower.js';
import { fresh, Gate, openLog, request, startService } from './support/service.js';
import { SinglePartition } from './support/single.partition.js';

/** A service that pays, says so in two events, and counts its payments. */
function bank(gate?: Gate) {
  const topic = fresh('bank');
  const effects: number[] = [];
  @CommandAddress(topic, 'Pay')
  class Pay {
    amount!: number;
    fail?: 'reject' | 'throw' | 'cycle';
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
      if (fail === 'reject') throw new CommandRejectedError('NO_MONEY', 'Not enough.');
      if (fail === 'throw') throw new Error('broken');
      const payment = { amount };
      return fail === 'cycle' ? Object.assign(payment, { payment }) : payment;
    }
  }
  return { topic, Pay, Paying, effects };
}

/** Makes the log take no records of a type, until it is lifted; counts the tries. */
function refuse(log: MessageLog, ...types: string[]) {
  const publish = log.publish.bind(log);
  const refusal = { tries: 0, lifted: false };
  log.publish = async (record) => {
    if (refusal.lifted || !types.includes(String(record.headers['ce_type']))) return publish(record);
    refusal.tries++;
    throw new LogUnavailableError('No broker answers.', true);
  };
  return refusal;
}

function idsOf(follower: LogFollower, type: string): string[] {
  return follower.ofType(type).map((record) => decodeMessage(record).id);
}

describe.each(INBOX_KINDS)('with an inbox in %s, a request that was sent again into another partition', (kind) => {
  it.each<[string, object, object]>([
    ['that succeeded', {}, { status: 'success', value: { amount: 5 } }],
    ['that was rejected', { fail: 'reject' }, { status: 'rejected', code: 'NO_MONEY' }],
    ['that failed', { fail: 'throw' }, { status: 'failed', code: 'INTERNAL' }],
    ['whose result is no JSON', { fail: 'cycle' }, { status: 'failed', code: 'INTERNAL' }],
  ])('is answered there with the same result and not handled again: %s', async (_, how, outcome) => {
    const { topic, Paying, effects } = bank();
    const service = await startService({ providers: [Paying], inbox: sharedInboxes(kind)() });
    const { log, follower } = service;
    const crumbs = { requestId: randomUUID() };

    await request(log, topic, 'Pay', { amount: 5, ...how }, { crumbs, partition: 0 });
    await follower.outcome(crumbs.requestId);
    await request(log, topic, 'Pay', { amount: 5, ...how }, { crumbs, partition: 1 });
    await follower.next('second answer', () => follower.ofType('result.Pay').length === 2);

    expect(effects).toEqual([5]);
    expect(follower.outcomes(crumbs.requestId)).toEqual([
      expect.objectContaining(outcome),
      expect.objectContaining(outcome),
    ]);
    const places = follower.ofType('result.Pay').map(({ partition }) => partition);
    expect(new Set(places)).toEqual(new Set([0, 1]));
    expect(new Set(idsOf(follower, 'result.Pay')).size).toBe(1);
    const succeeded = 'value' in outcome;
    expect(idsOf(follower, 'event.Payment.Begun')).toHaveLength(succeeded ? 1 : 0);
    expect(idsOf(follower, 'event.Payment.Made')).toHaveLength(succeeded ? 1 : 0);
    const marker = await request(log, topic, 'Pay', { amount: 6 }, { partition: 1 });
    await follower.outcome(marker.requestId);
    expect(follower.deadLetters.length).toBeLessThanOrEqual(1); // the first one's, where it failed
  });

  it('waits while the first one is under way, at another instance', async () => {
    const gate = new Gate();
    const { topic, Paying, effects } = bank(gate);
    const log = await openLog('memory');
    const inboxes = sharedInboxes(kind);
    const options = { name: fresh('bank') };
    const { follower } = await startService({ log, providers: [Paying], inbox: inboxes(), options });
    const crumbs = { requestId: randomUUID() };
    await request(log, topic, 'Pay', { amount: 5 }, { crumbs, partition: 0 });
    await vi.waitUntil(() => effects.length === 1);

    await request(log, topic, 'Pay', { amount: 5 }, { crumbs, partition: 1 });
    await startService({ log, providers: [Paying], inbox: inboxes(), options });
    const other = await request(log, topic, 'Pay', { amount: 7 }, { partition: 1, key: 'other' });
    await vi.waitUntil(() => effects.includes(7)); // of the same partition, read after it, and not held up
    gate.open();

    await follower.next('both answers', () => follower.outcomes(crumbs.requestId).length === 2);
    await follower.outcome(other.requestId);
    expect(effects).toEqual([5, 7]);
    expect(new Set(follower.outcomes(crumbs.requestId).map((outcome) => JSON.stringify(outcome))).size).toBe(1);
  });
});

describe.each(INBOX_KINDS)('with an inbox in %s, a command whose partition moves while it is carried out', (kind) => {
  it('is not begun again by the next owner, who tells what came of it', async () => {
    const gate = new Gate();
    const { topic, Paying, effects } = bank(gate);
    const log = await openLog('memory');
    const inboxes = sharedInboxes(kind);
    const options = { name: fresh('bank') };
    const one = await startService({ log, providers: [Paying], inbox: inboxes(), options });
    const sent = await Promise.all(
      [0, 1, 2].map((partition) => request(log, topic, 'Pay', { amount: partition }, { partition })),
    );
    await vi.waitUntil(() => effects.length === 3);

    const two = await startService({ log, providers: [Paying], inbox: inboxes(), options });
    // What comes after them waits for its turn: the order of a key holds across the instances.
    const after = await Promise.all(
      [0, 1, 2].map((partition) => request(log, topic, 'Pay', { amount: 10 + partition }, { partition })),
    );
    gate.open();

    for (const { requestId } of [...sent, ...after]) await two.follower.outcome(requestId);
    expect([...effects].sort((a, b) => a - b)).toEqual([0, 1, 2, 10, 11, 12]);
    expect(new Set(effects.slice(0, 3))).toEqual(new Set([0, 1, 2]));
    expect(one.follower.deadLetters).toEqual([]);
  });
});

describe.each(INBOX_KINDS)('with an inbox in %s, a service that ends between effect and result', (kind) => {
  it.each([
    ['neither result nor events were written', ['result.Pay', 'event.Payment.Begun', 'event.Payment.Made']],
    ['the result was written, and the events were not', ['event.Payment.Begun', 'event.Payment.Made']],
    ['the events were written, and the result was not', ['result.Pay']],
  ])('has its successor write what is missing, and run nothing: %s', async (_, missing) => {
    const { topic, Paying, effects } = bank();
    const log = await openLog('memory');
    const inboxes = sharedInboxes(kind);
    const options = { name: fresh('bank'), drainTimeout: 1 };
    const { runner } = await startService({ log, providers: [Paying], inbox: inboxes(), options });
    const refusal = refuse(log, ...missing);
    const { requestId } = await request(log, topic, 'Pay', { amount: 5 });
    await vi.waitUntil(() => refusal.tries >= missing.length - 1 && refusal.tries > 0);
    await runner.stop();
    refusal.lifted = true;

    const { follower } = await startService({ log, providers: [Paying], inbox: inboxes(), options });

    expect(await follower.outcome(requestId)).toEqual({ status: 'success', value: { amount: 5 } });
    for (const type of ['event.Payment.Begun', 'event.Payment.Made']) await follower.message(type);
    expect(effects).toEqual([5]);
    for (const type of ['result.Pay', 'event.Payment.Begun', 'event.Payment.Made'])
      expect(new Set(idsOf(follower, type)).size).toBe(1); // written again is the same, so readers can tell
  });

  it('has the result told by its successor, also when it is too late by then', async () => {
    const { topic, Paying, effects } = bank();
    const log = await openLog('memory');
    const inboxes = sharedInboxes(kind);
    const options = { name: fresh('bank'), drainTimeout: 1 };
    let now = Date.now();
    const { runner } = await startService({ log, providers: [Paying], inbox: inboxes(), options, now: () => now });
    const refusal = refuse(log, 'result.Pay');
    const { requestId } = await request(log, topic, 'Pay', { amount: 5 }, { crumbs: { deadline: now + 10_000 } });
    await vi.waitUntil(() => refusal.tries > 0);
    await runner.stop();
    refusal.lifted = true;
    now += 60_000;

    const { follower } = await startService({ log, providers: [Paying], inbox: inboxes(), options, now: () => now });

    expect(await follower.outcome(requestId)).toEqual({ status: 'success', value: { amount: 5 } });
    const marker = await request(log, topic, 'Pay', { amount: 6 });
    await follower.outcome(marker.requestId);
    expect(follower.deadLetters).toEqual([]); // it was carried out, so nobody must do it again
    expect(effects).toEqual([5, 6]);
  });
});

describe.each(INBOX_KINDS)('with an inbox in %s, a method that is interrupted by a shutdown', (kind) => {
  it('gives its claim back before the inbox is closed, and the next instance does not wait for the lease', async () => {
    const topic = fresh('bank');
    const log = await openLog('memory');
    let begun = 0;
    @CommandAddress(topic, 'Pay')
    class Pay {}
    @Injectable()
    class Paying {
      @CommandHandler(Pay)
      async pay(_: unknown, { signal }: { signal: AbortSignal }) {
        if (++begun === 1) await new Promise((_resolve, reject) => signal.addEventListener('abort', reject));
        return begun;
      }
    }
    const inboxes = sharedInboxes(kind, { lease: 60_000 });
    const options = { name: fresh('bank'), drainTimeout: 1 };
    const { runner } = await startService({ log, providers: [Paying], inbox: inboxes(), options });
    const { requestId } = await request(log, topic, 'Pay', {});
    await vi.waitUntil(() => begun === 1);

    await runner.stop();

    const { follower } = await startService({ log, providers: [Paying], inbox: inboxes(), options });
    expect(await follower.outcome(requestId)).toEqual({ status: 'success', value: 2 });
  });
});

describe('a method that was aborted because its partition was lost', () => {
  it.each(INBOX_KINDS)('runs again when the partition comes back: nothing was kept (%s)', async (kind) => {
    const topic = fresh('bank');
    const log = await openLog('memory');
    let begun = 0;
    @CommandAddress(topic, 'Pay')
    class Pay {}
    @Injectable()
    class Paying {
      @CommandHandler(Pay)
      async pay(_: unknown, { signal }: { signal: AbortSignal }) {
        if (++begun > 1) return begun;
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
      }
    }
    const partition = new SinglePartition(log, topic);
    // Longer than anybody waits: it is given back, and not left to run out.
    const inbox = sharedInboxes(kind, { lease: 60_000 })();
    const { follower } = await startService({ log, providers: [Paying], inbox });
    const { requestId } = await request(log, topic, 'Pay', {}, { partition: 0 });
    await partition.give();
    await vi.waitUntil(() => begun === 1);

    partition.lose();
    await partition.give();

    expect(await follower.outcome(requestId)).toEqual({ status: 'success', value: 2 });
    expect(follower.deadLetters).toEqual([]);
  });
});
