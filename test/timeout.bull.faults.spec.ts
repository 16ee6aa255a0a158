import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Logger } from '@nestjs/common';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import type { BullTimeoutScheduler } from '../lib/timeout/bull/bull.timeout.scheduler.js';
import type { RedisOptions } from '../lib/timeout/timeout.options.js';
import type { Timeout } from '../lib/timeout/timeout.scheduler.js';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient } from './support/raw.client.js';
import { describeWithRedis } from './support/real.parts.js';
import { RedisServer } from './support/redis.server.js';
import { bullScheduler, DueTimeouts, outsideQueue, redisOptions, timeoutAt } from './support/timeouts.js';

const WORKER = fileURLToPath(new URL('./support/stuck.worker.mjs', import.meta.url));

describeWithRedis('time-outs in Redis, when things go wrong', () => {
  let redis: RedisServer;
  let options: RedisOptions;
  let due: DueTimeouts;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    redis = await RedisServer.start();
    onTestFinished(() => redis.stop());
    options = redisOptions(redis.url);
    due = new DueTimeouts();
  });

  async function started(): Promise<BullTimeoutScheduler> {
    const scheduler = await bullScheduler(options);
    await scheduler.start('log', due.take);
    return scheduler;
  }

  /** What would have come before this, has come. */
  async function marker(scheduler: BullTimeoutScheduler, deadline = scheduler.now()): Promise<Timeout> {
    const timeout = timeoutAt(deadline);
    await scheduler.arm(timeout);
    return due.next(timeout);
  }

  /** Whatever of jobs is left, locks and ghosts too. */
  function left(): Promise<string[]> {
    const { client } = outsideQueue(options, 'log');
    return client.keys(`${options.prefix}:timeouts.log:????????????????*`); // ids are long, Bull's own keys short
  }

  it('takes over all that a process had begun when it was killed', { timeout: 60_000 }, async () => {
    const queue = outsideQueue(options, 'log');
    const begun = Array.from({ length: 20 }, () => timeoutAt(0));
    for (const timeout of begun) await queue.add(timeout, { jobId: timeout.id, removeOnComplete: true });
    const worker = spawn(process.execPath, [WORKER, 'timeouts.log', options.prefix, String(options.port), '20']);
    onTestFinished(() => void worker.kill('SIGKILL'));
    await once(worker.stdout, 'data');
    expect(await queue.client.llen(queue.toKey('active'))).toBe(20);
    worker.kill('SIGKILL');
    await once(worker, 'exit');

    const scheduler = await started();
    await due.count(20);
    await marker(scheduler);

    expect(due.ids.slice(0, 20).sort()).toEqual(begun.map(({ id }) => id).sort());
    expect(due.seen).toHaveLength(21);
    await expect.poll(left).toEqual([]);
  });

  it(
    'fires each of 5,000 that are due at once, though one of two processes stops meanwhile',
    { timeout: 60_000 },
    async () => {
      const [first, second] = [await started(), await started()];
      const deadline = first.now() + 5_000;
      const timeouts = Array.from({ length: 5_000 }, () => timeoutAt(deadline));
      // In waves: what is armed together is to be answered together, within `redis.commandTimeout`.
      for (let i = 0; i < timeouts.length; i += 500)
        await Promise.all(timeouts.slice(i, i + 500).map((timeout, j) => (j % 2 ? first : second).arm(timeout)));

      await due.count(500);
      await first.stop();
      await due.count(5_000);
      await marker(second);

      expect(due.seen).toHaveLength(5_001);
      expect(new Set(due.ids.slice(0, 5_000))).toEqual(new Set(timeouts.map(({ id }) => id)));
      await expect.poll(left).toEqual([]);
    },
  );

  it('never fires what it said is taken back, and leaves nothing, when both come at the same moment', async () => {
    const scheduler = await started();
    const timeouts = Array.from({ length: 1_000 }, (_, i) => timeoutAt(scheduler.now() + 500 + (i % 100)));
    await Promise.all(timeouts.map((timeout) => scheduler.arm(timeout)));
    const certain = new Set<string>();
    const disarm = async ({ id, deadline }: Timeout): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, deadline - scheduler.now()));
      if (await scheduler.disarm(id)) certain.add(id);
    };
    // Some clearly after, and some clearly before: who is first with all others is up to the machine.
    const apart = [500, -100];
    await Promise.all(timeouts.map((one, i) => disarm({ ...one, deadline: one.deadline + (apart[i % 5] ?? 0) })));
    expect(certain.size).toBeGreaterThan(0);
    expect(certain.size).toBeLessThan(1_000);
    await due.count(1_000 - certain.size);
    await marker(scheduler, scheduler.now() + 500);

    expect(due.ids.filter((id) => certain.has(id))).toEqual([]);
    expect(new Set(due.ids).size).toBe(due.ids.length);
    expect(due.seen).toHaveLength(1_000 - certain.size + 1);
    await expect.poll(left).toEqual([]);
  });

  it('runs none of many ghosts, keeps none, and fires all that stand among them', async () => {
    const scheduler = await started();
    const queue = outsideQueue(options, 'log');
    const ghosts = Array.from({ length: 200 }, () => timeoutAt(0));
    const real = Array.from({ length: 200 }, () => timeoutAt(scheduler.now() + 200));

    // What a worker sees whose jobs were removed between its choosing and its locking.
    const appear = ({ id }: Timeout) => queue.client.lpush(queue.toKey('wait'), id);
    await Promise.all([...ghosts.map(appear), ...real.map((timeout) => scheduler.arm(timeout))]);
    await due.count(200);
    await expect.poll(left, { timeout: 10_000 }).toEqual([]);

    expect(new Set(due.ids)).toEqual(new Set(real.map(({ id }) => id)));
    await Promise.all(ghosts.map((timeout) => scheduler.arm(timeout))); // their ids are free again
    await due.count(400);
    expect(due.seen).toHaveLength(400);
  });

  it('fires what fell due while Redis did not answer for long, once it does', { timeout: 60_000 }, async () => {
    const scheduler = await started();
    const timeouts = Array.from({ length: 100 }, () => timeoutAt(scheduler.now() + 1_000));
    await Promise.all(timeouts.map((timeout) => scheduler.arm(timeout)));
    await outsideQueue(options, 'log').client.client('PAUSE', 7_000); // longer than a connection is believed in
    await expect(scheduler.arm(timeoutAt(0))).rejects.toMatchObject({ code: 'timeouts_unavailable' });

    await due.count(100);
    await expect.poll(() => scheduler.trouble, { timeout: 20_000 }).toBeUndefined();
    await marker(scheduler);

    expect(timeouts.every(({ id }) => due.ids.includes(id))).toBe(true);
  });

  it(
    'ends every request once, taken before, while, or after Redis was away and came back empty',
    { timeout: 60_000 },
    async () => {
      const { topic } = auction();
      const { url } = await startApp({
        redis: { host: options.host, port: options.port, prefix: options.prefix },
        gateway: {
          topics: [topic],
          ttl: { grace: 500 },
          limits: { rate: 10_000, requests: 10_000, requestsPerSession: 10_000 },
        },
      });
      const client = await RawClient.welcome(url);
      /** Takes requests in, and says how long the slowest of them took. */
      const take = async (count: number): Promise<[ids: string[], slowest: number]> => {
        const begun = performance.now();
        const ids = Array.from({ length: count }, (_, i) => client.request(topic, 'Nobody', { i }, { ttl: 4_000 }));
        for (const id of ids) await client.next(({ event, data }) => event === 'accepted' && data.requestId === id);
        return [ids, performance.now() - begun];
      };

      const [before] = await take(200);
      await redis.kill();
      const [meanwhile, slowest] = await take(200);
      await redis.restart();
      const queue = outsideQueue(options, '*');
      const armed = async () => (await queue.client.keys(`${options.prefix}:timeouts.*:delayed`)).length;
      const after: string[] = [];
      await expect.poll(async () => (after.push(...(await take(10))[0]), armed()), { timeout: 20_000 }).toBe(1);

      expect(slowest).toBeLessThan(2_000);
      for (const id of [...before, ...meanwhile, ...after])
        expect(await client.outcome(topic, id)).toMatchObject({ status: 'timeout' });
      const last = client.request(topic, 'Nobody', {}, { ttl: 700 }); // after the last backstop
      await client.outcome(topic, last);
      const ids = new Set([...before, ...meanwhile, ...after]);
      expect(client.unread.filter(({ event, data }) => event !== 'ping' && ids.has(data.requestId as string))).toEqual(
        [],
      );
    },
  );
});
