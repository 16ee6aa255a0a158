import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { MemoryTimeoutScheduler } from '../lib/timeout/memory/memory.timeout.scheduler.js';
import type { TimeoutScheduler } from '../lib/timeout/timeout.scheduler.js';
import type { OnDue } from '../lib/timeout/waiting.js';
import { describeWithRedis } from './support/real.parts.js';
import { bullScheduler, DueTimeouts, redisOptions, timeoutAt } from './support/timeouts.js';

/** Schedulers that share one place to keep time-outs in, where the adapter has such a place. */
type Make = () => Promise<TimeoutScheduler>;

const adapters = [
  { name: 'memory', describeAdapter: describe, shared: (): Make => memoryScheduler },
  { name: 'bull', describeAdapter: describeWithRedis, shared: sharedRedis },
];

for (const { name, describeAdapter, shared } of adapters) {
  describeAdapter(`time-outs kept by ${name}`, () => {
    let make: Make;

    beforeEach(() => {
      Logger.overrideLogger(false);
      make = shared();
    });

    /** One that is started, with what came due. */
    async function started(
      onDue?: OnDue,
      namespace = 'log',
    ): Promise<{ scheduler: TimeoutScheduler; due: DueTimeouts }> {
      const due = new DueTimeouts();
      const scheduler = await make();
      await scheduler.start(namespace, onDue ?? due.take);
      return { scheduler, due };
    }

    it('can be used once it is started', async () => {
      const scheduler = await make();
      expect(scheduler.trouble).toMatch(/not started/);
      await expect(scheduler.arm(timeoutAt(0))).rejects.toMatchObject({
        code: 'timeouts_unavailable',
        temporary: true,
      });

      await scheduler.start('log', new DueTimeouts().take);

      expect(scheduler.trouble).toBeUndefined();
    });

    it('is due once, not before its deadline, with its record as it was armed', async () => {
      const { scheduler, due } = await started();
      const timeout = timeoutAt(scheduler.now() + 150);

      await scheduler.arm(timeout);
      const woken = await due.next(timeout);

      expect(scheduler.now()).toBeGreaterThanOrEqual(timeout.deadline);
      expect(woken).toEqual(timeout);
      await marker(scheduler, due);
      expect(due.ids.filter((id) => id === timeout.id)).toHaveLength(1);
    });

    it('is due at once when its deadline is past', async () => {
      const { scheduler, due } = await started();
      const timeout = timeoutAt(scheduler.now() - 60_000);

      await scheduler.arm(timeout);

      expect(await due.next(timeout)).toEqual(timeout);
    });

    it('comes in the order of deadlines, whatever the order of arming', async () => {
      const { scheduler, due } = await started();
      const soon = scheduler.now() + 100;
      const timeouts = [300, 0, 150].map((delay) => timeoutAt(soon + delay));

      await Promise.all(timeouts.map((timeout) => scheduler.arm(timeout)));
      await due.count(3);

      expect(due.ids).toEqual([timeouts[1]!.id, timeouts[2]!.id, timeouts[0]!.id]);
    });

    it('never comes when it was disarmed', async () => {
      const { scheduler, due } = await started();
      const timeout = timeoutAt(scheduler.now() + 200);
      await scheduler.arm(timeout);

      await expect(scheduler.disarm(timeout.id)).resolves.toBe(true);

      expect(await marker(scheduler, due, timeout.deadline + 100)).toBe(due.ids[0]);
    });

    it('takes no offence at an id that is not armed', async () => {
      const { scheduler, due } = await started();
      const gone = timeoutAt(0);
      await scheduler.arm(gone);
      await due.next(gone);

      await expect(scheduler.disarm(gone.id)).resolves.toBe(false);
      await expect(scheduler.disarm(randomUUID())).resolves.toBe(false);
    });

    it('is one where the same id is armed twice, and the first one counts', async () => {
      const { scheduler, due } = await started();
      const timeout = timeoutAt(scheduler.now() + 100);

      await scheduler.arm(timeout);
      await scheduler.arm({
        ...timeout,
        deadline: timeout.deadline + 50,
        record: { ...timeout.record, value: 'another' },
      });
      await marker(scheduler, due, timeout.deadline + 150);

      expect(due.seen.slice(0, -1)).toEqual([timeout]);
    });

    it('can be armed again after it was disarmed', async () => {
      const { scheduler, due } = await started();
      const timeout = timeoutAt(scheduler.now() + 100);
      await scheduler.arm(timeout);
      await scheduler.disarm(timeout.id);

      await scheduler.arm(timeout);

      expect(await due.next(timeout)).toEqual(timeout);
    });

    it('is armed or not by the last call, whether or not anybody waited for those before', async () => {
      const { scheduler, due } = await started();
      const [kept, gone] = [100, 110].map((delay) => timeoutAt(scheduler.now() + delay));

      const answers = await Promise.all([
        scheduler.arm(kept!),
        scheduler.arm(gone!),
        scheduler.disarm(kept!.id),
        scheduler.disarm(gone!.id),
        scheduler.arm(kept!),
      ]);

      expect(answers).toEqual([undefined, undefined, true, true, undefined]);
      await marker(scheduler, due, gone!.deadline + 100);
      expect(due.ids.slice(0, -1)).toEqual([kept!.id]);
    });

    it('comes again until it could be published', async () => {
      const due = new DueTimeouts();
      let failures = 0;
      const { scheduler } = await started(async (timeout) => {
        if (failures++ < 2) throw new Error('the log is away');
        await due.take(timeout);
      });
      const timeout = timeoutAt(scheduler.now());

      await scheduler.arm(timeout);

      expect(await due.next(timeout)).toEqual(timeout);
      expect(failures).toBe(3);
    });

    it('is not said to be taken back for certain where an attempt to publish it failed before', async () => {
      const due = new DueTimeouts();
      const { scheduler } = await started(async (timeout) => {
        await due.take(timeout);
        throw new Error('the acknowledgement was lost');
      });
      const timeout = timeoutAt(0);
      await scheduler.arm(timeout);
      await due.next(timeout);

      await expect(scheduler.disarm(timeout.id)).resolves.toBe(false);
    });

    it('comes no more when it was disarmed between two attempts', async () => {
      const due = new DueTimeouts();
      const failing = timeoutAt(0);
      const { scheduler } = await started(async (timeout) => {
        await due.take(timeout);
        if (timeout.id === failing.id) throw new Error('the log is away');
      });
      await scheduler.arm(failing);
      await due.next(failing);

      // Nobody is told when Bull has noted the failure in Redis, a millisecond later; the next attempt comes after 100 or more.
      for (let i = 0; i < 20; i++) await scheduler.disarm(failing.id);
      const after = await marker(scheduler, due, scheduler.now() + 700);

      expect(due.ids).toEqual([failing.id, after]);
    });

    it('loses none of 2,000 that are due at the same moment', async () => {
      const { scheduler, due } = await started();
      const deadline = scheduler.now() + 1_500;
      const timeouts = Array.from({ length: 2_000 }, () => timeoutAt(deadline));

      await Promise.all(timeouts.map((timeout) => scheduler.arm(timeout)));
      await due.count(2_000);

      expect(new Set(due.ids)).toEqual(new Set(timeouts.map(({ id }) => id)));
    });

    it('is never taken by another namespace', async () => {
      const here = await started(undefined, 'here');
      const there = await started(undefined, 'there');
      const deadline = here.scheduler.now() + 100;

      await Promise.all(Array.from({ length: 50 }, () => here.scheduler.arm(timeoutAt(deadline))));
      const after = await marker(there.scheduler, there.due, deadline + 200);

      expect(there.due.ids).toEqual([after]);
      await here.due.count(50);
    });

    it('is not disarmed by another namespace', async () => {
      const here = await started(undefined, 'here');
      const there = await started(undefined, 'there');
      const timeout = timeoutAt(here.scheduler.now() + 200);
      await here.scheduler.arm(timeout);

      await there.scheduler.disarm(timeout.id);

      expect(await here.due.next(timeout)).toEqual(timeout);
    });

    it('comes no more after a stop, which waits for what is being published', async () => {
      const order: string[] = [];
      let finish!: () => void;
      const finished = new Promise<void>((resolve) => (finish = resolve));
      const running = new DueTimeouts();
      const { scheduler } = await started(async (timeout) => {
        await running.take(timeout);
        await finished;
        order.push('published');
      });
      const timeout = timeoutAt(scheduler.now());
      await scheduler.arm(timeout);
      await scheduler.arm(timeoutAt(scheduler.now() + 60_000));
      await running.next(timeout);

      const stopped = scheduler.stop().then(() => order.push('stopped'));
      finish();
      await stopped;

      expect(order).toEqual(['published', 'stopped']);
      expect(running.ids).toEqual([timeout.id]);
      await expect(scheduler.arm(timeoutAt(0))).rejects.toMatchObject({ code: 'timeouts_unavailable' });
      expect(scheduler.trouble).toMatch(/stopped/);
    });

    it('stops twice as well as once, and without having been started', async () => {
      const { scheduler } = await started();
      await Promise.all([scheduler.stop(), scheduler.stop()]);
      await expect(scheduler.stop()).resolves.toBeUndefined();
      await expect((await make()).stop()).resolves.toBeUndefined();
    });
  });
}

/** What would have come before this, has come. */
async function marker(scheduler: TimeoutScheduler, due: DueTimeouts, deadline = scheduler.now()): Promise<string> {
  const timeout = timeoutAt(deadline);
  await scheduler.arm(timeout);
  await due.next(timeout);
  return timeout.id;
}

async function memoryScheduler(): Promise<TimeoutScheduler> {
  const scheduler = new MemoryTimeoutScheduler();
  onTestFinished(() => scheduler.stop());
  return scheduler;
}

function sharedRedis(): Make {
  const options = redisOptions(inject('redisUrl'));
  return () => bullScheduler(options);
}
