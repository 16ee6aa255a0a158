import { createServer, type Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { BullTimeoutScheduler } from '../lib/timeout/bull/bull.timeout.scheduler.js';
import type { RedisOptions } from '../lib/timeout/timeout.options.js';
import { describeWithRedis } from './support/real.parts.js';
import { RedisServer } from './support/redis.server.js';
import { bullScheduler, collectLogs, DueTimeouts, outsideQueue, redisOptions, timeoutAt } from './support/timeouts.js';

const UNAVAILABLE = { code: 'timeouts_unavailable', temporary: true };

describeWithRedis('time-outs while Redis is away', () => {
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

  async function started(changes: Partial<RedisOptions> = {}): Promise<BullTimeoutScheduler> {
    const scheduler = await bullScheduler(Object.assign(options, changes));
    await scheduler.start('log', due.take);
    return scheduler;
  }

  async function usable(scheduler: BullTimeoutScheduler): Promise<void> {
    await expect.poll(() => scheduler.trouble, { timeout: 10_000 }).toBeUndefined();
    const timeout = timeoutAt(scheduler.now());
    await scheduler.arm(timeout);
    expect(await due.next(timeout)).toEqual(timeout);
  }

  it('begin when it comes, where it was away at the start', async () => {
    const lines = collectLogs();
    await redis.kill();

    const scheduler = await started();
    expect(scheduler.trouble).toMatch(/ECONNREFUSED/);
    expect(scheduler.clockSkew).toBe(1_000);
    await expect(scheduler.arm(timeoutAt(0))).rejects.toMatchObject(UNAVAILABLE);
    await expect(scheduler.disarm('any')).rejects.toMatchObject(UNAVAILABLE);
    await redis.restart();

    await usable(scheduler);
    expect(scheduler.clockSkew).toBeLessThan(200);
    expect(lines).toEqual([expect.stringMatching(/^error: .*ECONNREFUSED/), expect.stringMatching(/^log: .*answers/)]);
  });

  it('go on when it comes back, empty, and tell loss and return once', async () => {
    const lines = collectLogs();
    const scheduler = await started();
    await usable(scheduler);

    await redis.kill();
    await expect.poll(() => scheduler.trouble).toMatch(/Redis at 127.0.0.1:\d+ cannot be used/);
    await expect(scheduler.arm(timeoutAt(0))).rejects.toMatchObject(UNAVAILABLE);
    await redis.restart();

    await usable(scheduler);
    expect(lines).toEqual([
      expect.stringMatching(/^error: .*cannot be used/),
      expect.stringMatching(/^log: .*answers again/),
    ]);
  });

  it('go on when all that it held is gone, scripts too', async () => {
    const scheduler = await started();
    await usable(scheduler);

    await redis.empty();
    await outsideQueue(options, 'log').client.script('FLUSH');

    await usable(scheduler);
    await Promise.all(Array.from({ length: 50 }, () => scheduler.arm(timeoutAt(0))));
    await due.count(52);
  });

  it('are refused within the limit while it is silent, and go on when it speaks', async () => {
    const scheduler = await started({ commandTimeout: 100 });
    await usable(scheduler);
    await outsideQueue(options, 'log').client.client('PAUSE', 2_000);

    const begun = performance.now();
    await expect(scheduler.arm(timeoutAt(0))).rejects.toMatchObject(UNAVAILABLE);
    await expect(scheduler.disarm('any')).rejects.toMatchObject(UNAVAILABLE);

    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(scheduler.trouble).toMatch(/no answer within 100 ms/);
    await usable(scheduler);
  });

  it('do not hold the start up where something else listens, and never answers', async () => {
    const [port, sockets] = await listenSilently();

    const scheduler = await started({ port });

    expect(sockets.length).toBeGreaterThan(0);
    expect(scheduler.trouble).toMatch(/no answer/);
    await scheduler.stop();
  });

  it('say that the password is wrong, once', async () => {
    const lines = collectLogs();
    await outsideQueue(options, 'log').client.config('SET', 'requirepass', 'right');

    const scheduler = await started({ password: 's3cret' });

    expect(scheduler.trouble).toMatch(/WRONGPASS/);
    expect(lines).toEqual([expect.stringMatching(/^error: .*WRONGPASS/)]);
    expect(lines[0]).not.toContain('s3cret');
  });

  it('need no right to name connections', async () => {
    await outsideQueue(options, 'log').client.call(
      'ACL',
      'SETUSER',
      'app',
      'on',
      '>s3cret',
      '~*',
      '&*',
      '+@all',
      '-client',
    );

    const scheduler = await started({ username: 'app', password: 's3cret' });

    await usable(scheduler);
  });

  describe('stop within bounds', () => {
    it('where it was never there', async () => {
      await redis.kill();
      const scheduler = await started();
      await expectPromptStop(scheduler);
    });

    it('where it was lost', async () => {
      const scheduler = await started();
      await usable(scheduler);
      await redis.kill();
      await expectPromptStop(scheduler);
    });

    it('where a publication never ends', { timeout: 20_000 }, async () => {
      const scheduler = await bullScheduler(options);
      await scheduler.start('log', async (timeout) => {
        await due.take(timeout);
        await new Promise(() => undefined);
      });
      const timeout = timeoutAt(0);
      await scheduler.arm(timeout);
      await due.next(timeout);
      await expectPromptStop(scheduler);
    });

    async function expectPromptStop(scheduler: BullTimeoutScheduler): Promise<void> {
      const begun = performance.now();
      await scheduler.stop();
      expect(performance.now() - begun).toBeLessThan(7_000);
    }
  });
});

/** A port that takes connections and says nothing. */
async function listenSilently(): Promise<[port: number, sockets: Socket[]]> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return [(server.address() as { port: number }).port, sockets];
}
