import { BullModule } from '@nestjs/bull';
import { Logger } from '@nestjs/common';
import { LazyModuleLoader, NestFactory } from '@nestjs/core';
import { beforeEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { BullTimeoutScheduler } from '../lib/timeout/bull/bull.timeout.scheduler.js';
import type { RedisOptions } from '../lib/timeout/timeout.options.js';
import { describeWithRedis } from './support/real.parts.js';
import { bullScheduler, collectLogs, DueTimeouts, outsideQueue, redisOptions, timeoutAt } from './support/timeouts.js';

describeWithRedis('time-outs in Redis', () => {
  let options: RedisOptions;
  let due: DueTimeouts;

  beforeEach(() => {
    Logger.overrideLogger(false);
    options = redisOptions(inject('redisUrl'));
    due = new DueTimeouts();
  });

  async function started(localTime?: () => number): Promise<BullTimeoutScheduler> {
    const scheduler = await bullScheduler(options, localTime);
    await scheduler.start('log', due.take);
    return scheduler;
  }

  it('survive the process that armed them', async () => {
    const first = await started();
    const timeout = timeoutAt(first.now() + 1_000);
    await first.arm(timeout);
    await first.stop();
    expect(due.seen).toEqual([]);

    await started();

    expect(await due.next(timeout)).toEqual(timeout);
  });

  it('are taken by one of several processes each', async () => {
    const [first, second] = await Promise.all([started(), started()]);
    const deadline = first.now() + 500;
    const timeouts = Array.from({ length: 500 }, () => timeoutAt(deadline));

    await Promise.all(timeouts.map((timeout, i) => [first, second][i % 2]!.arm(timeout)));
    await due.count(500);
    const marker = timeoutAt(first.now());
    await second.arm(marker);
    await due.next(marker);

    expect(due.ids).toHaveLength(501);
    expect(new Set(due.ids)).toEqual(new Set([...timeouts, marker].map(({ id }) => id)));
  });

  it('are disarmed by another process than the one that armed them', async () => {
    const [first, second] = await Promise.all([started(), started()]);
    const timeout = timeoutAt(first.now() + 200);
    await first.arm(timeout);

    await second.disarm(timeout.id);

    const marker = timeoutAt(timeout.deadline + 100);
    await first.arm(marker);
    await due.next(marker);
    expect(due.ids).toEqual([marker.id]);
  });

  it('tell the workers of the first one, also where one that was sooner is disarmed in the same turn', async () => {
    const scheduler = await started();
    const queue = outsideQueue(options, 'log');
    const listening = queue.client.duplicate();
    onTestFinished(() => listening.disconnect());
    const told: string[] = [];
    listening.on('message', (_, message) => told.push(message));
    await listening.subscribe(queue.toKey('delayed'));
    const [sooner, later, latest] = [60_000, 60_300, 60_600].map((after) => timeoutAt(scheduler.now() + after));

    await Promise.all([scheduler.arm(sooner!), scheduler.disarm(sooner!.id), scheduler.arm(later!)]);
    await scheduler.arm(latest!);
    await queue.client.publish(queue.toKey('delayed'), 'marker');

    await vi.waitFor(() => expect(told).toContain('marker'));
    expect(told[0]).toBe(String(Math.floor(later!.deadline))); // who hears it asks, and that tells all once more
    expect(told.filter((time) => Math.floor(Number(time)) === Math.floor(latest!.deadline))).toEqual([]);
  });

  it('leave nothing in Redis, fired or disarmed', async () => {
    const scheduler = await started();
    const [fired, disarmed] = [timeoutAt(scheduler.now()), timeoutAt(scheduler.now() + 60_000)];
    await Promise.all([scheduler.arm(fired), scheduler.arm(disarmed)]);

    await scheduler.disarm(disarmed.id);
    await due.next(fired);

    const { client } = outsideQueue(options, 'log');
    await expect.poll(() => client.keys(`${options.prefix}:*:${fired.id}*`)).toEqual([]);
    expect(await client.keys(`${options.prefix}:*:${disarmed.id}*`)).toEqual([]);
  });

  it('keep to themselves in an application with queues of its own', async () => {
    const elsewhere = { url: 'redis://127.0.0.1:1', limiter: { max: 1, duration: 60_000 }, prefix: 'elsewhere' };
    const app = await NestFactory.createApplicationContext(BullModule.forRoot(elsewhere));
    const scheduler = new BullTimeoutScheduler(options, app.get(LazyModuleLoader));
    onTestFinished(async () => {
      await scheduler.stop();
      await app.close();
    });
    await scheduler.start('log', due.take);

    await Promise.all([scheduler.arm(timeoutAt(0)), scheduler.arm(timeoutAt(0))]);

    await due.count(2);
  });

  it('serve two modules of one application', async () => {
    const app = await NestFactory.createApplicationContext(class {});
    onTestFinished(() => app.close());
    const schedulers = [1, 2].map(() => new BullTimeoutScheduler(options, app.get(LazyModuleLoader)));
    onTestFinished(async () => void (await Promise.all(schedulers.map((scheduler) => scheduler.stop()))));
    await Promise.all(schedulers.map((scheduler) => scheduler.start('log', due.take)));

    await schedulers[0]!.stop();
    const timeout = timeoutAt(0);
    await schedulers[1]!.arm(timeout);

    expect(await due.next(timeout)).toEqual(timeout);
  });

  it('are refused at once when too many commands wait for Redis', async () => {
    options = redisOptions(inject('redisUrl'), { maxPending: 2 });
    const scheduler = await started();

    const armed = await Promise.allSettled([1, 2, 3].map(() => scheduler.arm(timeoutAt(0))));

    expect(armed.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(armed[2]).toHaveProperty('reason.code', 'timeouts_unavailable');
    expect(armed[2]).toHaveProperty('reason.message', expect.stringContaining('maxPending'));
  });

  it('release all sockets when they stop', async () => {
    const before = openSockets();
    const scheduler = await started();
    expect(openSockets()).toBeGreaterThan(before);

    await scheduler.stop();

    await expect.poll(openSockets).toBe(before);
  });

  describe('when a job is not what it should be', () => {
    it('cleans a ghost up, runs it never, and arms its id again', async () => {
      const scheduler = await started();
      const timeout = timeoutAt(0);
      const queue = outsideQueue(options, 'log');

      // What a worker sees whose job was removed between its choosing and its locking.
      await queue.client.lpush(queue.toKey('wait'), timeout.id);

      for (const list of ['wait', 'active']) {
        await expect.poll(() => queue.client.llen(queue.toKey(list))).toBe(0);
      }
      expect(await queue.client.exists(queue.toKey(timeout.id), `${queue.toKey(timeout.id)}:lock`)).toBe(0);
      expect(due.seen).toEqual([]);
      await scheduler.arm(timeout);
      expect(await due.next(timeout)).toEqual(timeout);
      expect(due.seen).toHaveLength(1);
    });

    it('removes what somebody else put into the queue, and says so', async () => {
      const lines = collectLogs();
      await started();
      const queue = outsideQueue(options, 'log');

      const { id } = await queue.add({ id: 7, record: null });

      await expect.poll(() => queue.client.exists(queue.toKey(String(id)))).toBe(0);
      expect(lines).toContainEqual(expect.stringContaining(`warn: Job ${id} in the queue`));
      expect(due.seen).toEqual([]);
    });

    it('takes over one that a process left behind when it died', { timeout: 30_000 }, async () => {
      const queue = outsideQueue(options, 'log');
      const timeout = timeoutAt(0);
      await queue.add(timeout, { jobId: timeout.id });
      await queue.client.rpoplpush(queue.toKey('wait'), queue.toKey('active'));

      await started();

      expect(await due.next(timeout)).toEqual(timeout);
    });

    it('says loudly which one was given up after its last attempt', async () => {
      const lines = collectLogs();
      const scheduler = await bullScheduler(options);
      await scheduler.start('log', async () => Promise.reject(new Error('the log is away')));
      const timeout = timeoutAt(0);

      await outsideQueue(options, 'log').add(timeout, { jobId: timeout.id, attempts: 1 });

      const line = `^error: .*${timeout.id} for auction/3 .*the log is away.* after 1 attempts`;
      await expect.poll(() => lines).toContainEqual(expect.stringMatching(line));
    });
  });

  describe('on a machine whose clock is wrong', () => {
    it.each([5_000, -5_000])('goes by the clock of Redis (%i ms)', async (wrong) => {
      const lines = collectLogs();
      const scheduler = await started(() => Date.now() + wrong);

      expect(Math.abs(scheduler.now() - (await redisTime()))).toBeLessThan(100);
      expect(scheduler.clockSkew).toBeLessThan(200);
      expect(lines).toEqual([expect.stringContaining('Synchronise the clock')]);
    });

    it.each([40_000, -40_000])('keeps to it where that is set while it runs (%i ms)', async (step) => {
      let wrong = 0;
      const scheduler = await started(() => Date.now() + wrong);

      wrong = step;

      const before = await redisTime();
      const now = scheduler.now();
      const after = await redisTime();
      expect(now).toBeGreaterThanOrEqual(before - scheduler.clockSkew);
      expect(now).toBeLessThanOrEqual(after + scheduler.clockSkew);
      expect(scheduler.clockSkew).toBeLessThan(1_000);
    });

    it.each([5_000, -1_000])('never wakes early, though Bull goes by the wrong clock (%i ms)', async (wrong) => {
      setClock(wrong);
      const scheduler = await started();
      const timeouts = [100, 400].map((ttl) => timeoutAt(scheduler.now() + ttl));

      await Promise.all(timeouts.map((timeout) => scheduler.arm(timeout)));

      for (const timeout of timeouts) {
        await due.next(timeout);
        expect(await redisTime()).toBeGreaterThanOrEqual(timeout.deadline - scheduler.clockSkew);
      }
    });

    it('lets nobody wait behind one that Bull woke too early', async () => {
      setClock(5_000);
      options = redisOptions(inject('redisUrl'), { concurrency: 1 });
      const scheduler = await started();
      const [later, sooner] = [2_500, 500].map((ttl) => timeoutAt(scheduler.now() + ttl));

      await scheduler.arm(later!);
      const { client } = outsideQueue(options, 'log');
      const job = `${options.prefix}:timeouts.log:${later!.id}`;
      await expect.poll(() => client.hget(job, 'attemptsMade'), { interval: 10 }).toBe('1');
      await scheduler.arm(sooner!);
      await due.count(2);

      expect(due.ids).toEqual([sooner!.id, later!.id]);
    });

    /** Of all that runs in this process, Bull and the connection to Redis too. */
    function setClock(wrong: number): void {
      const right = Date.now.bind(Date);
      vi.spyOn(Date, 'now').mockImplementation(() => right() + wrong);
      onTestFinished(() => void vi.restoreAllMocks());
    }

    async function redisTime(): Promise<number> {
      const [seconds, microseconds] = await outsideQueue(options, 'log').client.time();
      return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    }
  });
});

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((type) => type === 'TCPSocketWrap').length;
}
