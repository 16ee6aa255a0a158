import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { beforeEach, expect, inject, it, onTestFinished, vi } from 'vitest';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { ClaimInbox } from '../lib/service/inbox/claim.inbox.js';
import type { Inbox } from '../lib/service/inbox/inbox.js';
import type { InboxOptions } from '../lib/service/inbox/inbox.options.js';
import type { RedisOptions } from '../lib/timeout/timeout.options.js';
import { inboxOptions, redisStore } from './support/inboxes.js';
import { describeWithRedis } from './support/real.parts.js';
import { RedisServer } from './support/redis.server.js';
import { fresh, Gate, openLog, request, startService, type TestService } from './support/service.js';
import { redisOptions } from './support/timeouts.js';

/** A service whose inbox is in a Redis of its own, which counts what it does and can be held at it. */
async function serving(redis: RedisOptions, given: Partial<InboxOptions> = {}, gates: Gate[] = []) {
  const topic = fresh('bank');
  const effects: number[] = [];
  const signals: AbortSignal[] = [];
  @CommandAddress(topic, 'Pay')
  class Pay {
    amount!: number;
  }
  @Injectable()
  class Paying {
    @CommandHandler(Pay)
    async pay({ data: { amount } }: { data: Pay }, { signal }: { signal: AbortSignal }) {
      const run = effects.push(amount);
      signals.push(signal);
      await gates[run - 1]?.opened;
      return { run };
    }
  }
  const log = await openLog('memory');
  const options = { name: fresh('bank'), drainTimeout: 100 };
  const inbox = (): Inbox => new ClaimInbox(redisStore(redis, given), inboxOptions(given));
  const start = (): Promise<TestService> => startService({ log, providers: [Paying], inbox: inbox(), options });
  const pay = (amount: number, requestId: string = randomUUID(), partition = 0) =>
    request(log, topic, 'Pay', { amount }, { crumbs: { requestId }, partition, key: requestId });
  return { topic, effects, signals, start, pay, service: await start() };
}

describeWithRedis('an inbox while its Redis is away', () => {
  let redis: RedisServer;
  let options: RedisOptions;

  beforeEach(async () => {
    redis = await RedisServer.start();
    onTestFinished(() => redis.stop());
    options = redisOptions(redis.url, { commandTimeout: 200 });
  });

  it('lets no handler begin until it is back, where it waits', async () => {
    const { effects, pay, service } = await serving(options);
    await redis.kill();
    const waiting = await pay(1);
    await vi.waitUntil(() => service.lines.some((line) => line.includes('Paying.pay waits for its inbox')));
    expect(effects).toEqual([]);

    await redis.restart();

    expect(await service.follower.outcome(waiting.requestId)).toMatchObject({ status: 'success' });
    expect(effects).toEqual([1]);
    expect(service.lines.filter((line) => line.startsWith('error'))).toHaveLength(1); // that it is away, once
  });

  it('begins when it comes, where it was away at the start', async () => {
    await redis.kill();
    const { effects, pay, service } = await serving(options);
    const { requestId } = await pay(1);

    await redis.restart();

    await service.follower.outcome(requestId);
    expect(effects).toEqual([1]);
  });

  it('lets handlers run, where that is wanted', async () => {
    const { effects, pay, service } = await serving(options, { whenAway: 'run' });
    await redis.kill();

    const { requestId } = await pay(1);

    expect(await service.follower.outcome(requestId)).toMatchObject({ status: 'success' });
    expect(effects).toEqual([1]);
    expect(service.lines).toContainEqual(expect.stringContaining('Paying.pay runs without its inbox'));
  });

  it('tells what a handler did only when that is kept, where it waits', async () => {
    const gate = new Gate();
    const { effects, pay, service } = await serving(options, {}, [gate]);
    const id = randomUUID();
    await pay(1, id);
    await vi.waitUntil(() => effects.length === 1);
    await redis.kill();
    gate.open();
    await vi.waitUntil(() => service.lines.some((line) => line.includes('is not in the inbox yet')));
    expect(service.follower.outcomes(id)).toEqual([]);

    await redis.restart(); // empty: nobody else can have claimed it

    expect(await service.follower.outcome(id)).toEqual({ status: 'success', value: { run: 1 } });
    await pay(1, id, 1);
    await service.follower.next('second answer', () => service.follower.outcomes(id).length === 2);
    expect(effects).toEqual([1]);
  });

  it('tells it at once, where handlers run without it', async () => {
    const gate = new Gate();
    const { effects, pay, service } = await serving(options, { whenAway: 'run' }, [gate]);
    const { requestId } = await pay(1);
    await vi.waitUntil(() => effects.length === 1);
    await redis.kill();

    gate.open();

    expect(await service.follower.outcome(requestId)).toMatchObject({ status: 'success' });
  });

  it('is asked no longer than allowed where it is silent, and goes on when it speaks', async () => {
    const { effects, pay, service } = await serving(options);
    const begun = performance.now();
    await outside(options).client('PAUSE', 1_500);

    const { requestId } = await pay(1);

    await vi.waitUntil(() => service.lines.some((line) => line.includes('no answer within 200 ms')));
    await service.follower.outcome(requestId);
    expect(effects).toEqual([1]);
    // The first question was answered, and nobody heard: it is no other holder's claim, whose lease would have to run out.
    expect(performance.now() - begun).toBeLessThan(8_000);
  });

  it('holds up no stop', async () => {
    const { pay, service } = await serving(options);
    await redis.kill();
    await pay(1);
    await vi.waitUntil(() => service.lines.some((line) => line.includes('waits for its inbox')));

    const begun = performance.now();
    await service.runner.stop();

    expect(performance.now() - begun).toBeLessThan(2_000);
  });
});

describeWithRedis('an instance whose claim was taken over', () => {
  it('is told so by its signal, and tells what the other one did', async () => {
    const options = redisOptions(inject('redisUrl'));
    const gate = new Gate();
    const { effects, signals, pay, service } = await serving(options, { lease: 300 }, [gate]);
    const { requestId, id } = await pay(1);
    await vi.waitUntil(() => signals.length === 1);
    const redis = outside(options);
    const [key] = await redis.keys(`${options.prefix}:inbox:*`);

    await redis.set(key!, '?the other one', 'PX', 60_000); // as where this process was frozen for longer than its lease
    await vi.waitUntil(() => signals[0]!.aborted, { timeout: 5_000 });
    gate.open(); // the method does not heed its signal, and returns
    const outcome = { status: 'success', value: { run: 'of the other one' } };
    const marker = await pay(2);
    await service.follower.outcome(marker.requestId);
    expect(service.follower.outcomes(requestId)).toEqual([]);
    const completion = { messageId: id, outcome, resultId: randomUUID(), records: [], replies: [] };
    await redis.set(key!, JSON.stringify(completion));

    expect(await service.follower.outcome(requestId)).toEqual(outcome);
    expect(signals[0]!.reason).toMatchObject({ code: 'handling_aborted', reason: 'claim_lost' });
    expect(effects).toEqual([1, 2]);
    expect(service.follower.deadLetters).toEqual([]);
  });

  it('is not, where it is only slow: it renews its claim', async () => {
    const options = redisOptions(inject('redisUrl'));
    const gate = new Gate();
    const { effects, pay, service } = await serving(options, { lease: 500 }, [gate]);
    const { requestId } = await pay(1);
    await vi.waitUntil(() => effects.length === 1);
    const redis = outside(options);
    const [key] = await redis.keys(`${options.prefix}:inbox:*`);
    // A claim that was just renewed has nearly all of its lease left; seen five times, it has outlived the first one.
    for (let renewals = 0, left = 500; renewals < 5;) {
      const now = await redis.pttl(key!);
      if (now > left) renewals++;
      left = now;
      expect(now).toBeGreaterThan(0);
    }

    await pay(1, requestId, 1);
    gate.open();

    await service.follower.next('both answers', () => service.follower.outcomes(requestId).length === 2);
    expect(effects).toEqual([1]);
  });
});

describeWithRedis('an instance that died', () => {
  it('is followed by one that handles what it had begun, after the lease', async () => {
    const options = redisOptions(inject('redisUrl'));
    const { effects, pay, service } = await serving(options);
    const { requestId } = await pay(1);
    await service.follower.outcome(requestId);
    const redis = outside(options);
    const [key] = await redis.keys(`${options.prefix}:inbox:*`);

    await redis.set(key!, '?the dead one', 'PX', 600); // what it left, and nobody renews
    await pay(1, requestId, 1);
    const marker = await pay(2, randomUUID(), 1);
    await service.follower.outcome(marker.requestId);
    expect(effects).toEqual([1, 2]);

    await service.follower.next('second answer', () => service.follower.outcomes(requestId).length === 2);
    expect(effects).toEqual([1, 2, 1]);
  });
});

function outside(options: RedisOptions): Redis {
  const client = new Redis({ host: options.host, port: options.port, password: options.password });
  client.on('error', () => undefined);
  onTestFinished(() => client.disconnect());
  return client;
}
