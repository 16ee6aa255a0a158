import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { decodeMessage } from '../lib/message/cloud-events.codec.js';
import { MemoryTimeoutScheduler } from '../lib/timeout/memory/memory.timeout.scheduler.js';
import type { TimeoutScheduler } from '../lib/timeout/timeout.scheduler.js';
import type { OnDue } from '../lib/timeout/waiting.js';
import { delayedUntil } from './support/delays.js';
import { describeWithRedis } from './support/real.parts.js';
import { bullScheduler, DueTimeouts, redisOptions, timeoutAt } from './support/timeouts.js';

type Make = () => Promise<TimeoutScheduler>;

const adapters = [
  { name: 'memory', describeAdapter: describe, shared: (): Make => memoryScheduler },
  { name: 'bull', describeAdapter: describeWithRedis, shared: sharedRedis },
];

for (const { name, describeAdapter, shared } of adapters) {
  describeAdapter(`delayed commands kept by ${name}`, () => {
    let make: Make;

    beforeEach(() => {
      Logger.overrideLogger(false);
      make = shared();
    });

    async function started(onDue?: OnDue): Promise<{ scheduler: TimeoutScheduler; due: DueTimeouts }> {
      const due = new DueTimeouts();
      const scheduler = await make();
      await scheduler.start('log', onDue ?? due.take);
      return { scheduler, due };
    }

    it('are due once, not before their time, with the record as it was', async () => {
      const { scheduler, due } = await started();
      const delayed = delayedUntil(scheduler.now() + 150);

      expect(await scheduler.schedule(delayed)).toEqual({ state: 'new', due: delayed.deadline });
      const woken = await due.next(delayed);

      expect(scheduler.now()).toBeGreaterThanOrEqual(delayed.deadline);
      expect(woken).toEqual(delayed);
      await marker(scheduler, due);
      expect(due.ids.filter((id) => id === delayed.id)).toHaveLength(1);
    });

    it('are due at once when their time is past', async () => {
      const { scheduler, due } = await started();
      const delayed = delayedUntil(1);
      await scheduler.schedule(delayed);
      expect(await due.next(delayed)).toEqual(delayed);
    });

    it('are refused before the start and after the stop', async () => {
      const scheduler = await make();
      const unavailable = { code: 'timeouts_unavailable', temporary: true, sent: false };
      await expect(scheduler.schedule(delayedUntil(0))).rejects.toMatchObject(unavailable);
      await scheduler.start('log', new DueTimeouts().take);
      await scheduler.stop();
      await expect(scheduler.schedule(delayedUntil(0))).rejects.toMatchObject(unavailable);
      await expect(scheduler.cancel('any')).rejects.toMatchObject(unavailable);
    });

    it('are one in a slot: the first one stays, and whoever comes second is told when it is due', async () => {
      const { scheduler, due } = await started();
      const slot = randomUUID();
      const first = delayedUntil(scheduler.now() + 300, { slot });
      const second = delayedUntil(scheduler.now() + 200, { slot });

      await scheduler.schedule(first);
      expect(await scheduler.schedule(second)).toEqual({ state: 'kept', due: first.deadline });
      expect(await scheduler.schedule(first)).toEqual({ state: 'kept', due: first.deadline });
      await marker(scheduler, due, first.deadline + 50);

      expect(due.ids.slice(0, -1)).toEqual([first.id]);
    });

    it('take the place of the one in their slot where that is wanted, earlier or later', async () => {
      const { scheduler, due } = await started();
      const slot = randomUUID();
      const [first, later, sooner] = [200, 400, 100].map((delay) => delayedUntil(scheduler.now() + delay, { slot }));

      await scheduler.schedule(first!);
      expect(await scheduler.schedule(later!, { replace: true })).toEqual({ state: 'replaced', due: later!.deadline });
      expect(await scheduler.schedule(sooner!, { replace: true })).toMatchObject({ state: 'replaced' });
      await marker(scheduler, due, later!.deadline + 50);

      expect(due.ids.slice(0, -1)).toEqual([sooner!.id]);
    });

    it('take over the place of one at the same time with what they hold', async () => {
      const { scheduler, due } = await started();
      const slot = randomUUID();
      const at = scheduler.now() + 200;
      await scheduler.schedule(delayedUntil(at, { slot, data: 'old' }));
      const after = delayedUntil(at, { slot, data: 'new' });
      expect(await scheduler.schedule(after, { replace: true })).toMatchObject({ state: 'replaced' });
      expect(await due.next(after)).toEqual(after);
      expect(due.seen).toHaveLength(1);
    });

    it('are new where there is nothing to replace', async () => {
      const { scheduler } = await started();
      const delayed = delayedUntil(scheduler.now() + 60_000);
      expect(await scheduler.schedule(delayed, { replace: true })).toMatchObject({ state: 'new' });
    });

    it('leave their slot free once they are due, before their publication is over', async () => {
      const due = new DueTimeouts();
      const slot = randomUUID();
      const next = { current: delayedUntil(0, { slot }) };
      const states: string[] = [];
      const { scheduler } = await started(async (waiting) => {
        await due.take(waiting);
        if (waiting.id === next.current.id) return;
        // What its handler does, while the acknowledgement is still on its way.
        next.current = delayedUntil(scheduler.now() + 100, { slot });
        states.push((await scheduler.schedule(next.current)).state);
      });
      const first = delayedUntil(scheduler.now() + 50, { slot });

      await scheduler.schedule(first);
      await due.next(first);
      await expect.poll(() => states).toEqual(['new']);

      expect(await due.next(next.current)).toEqual(next.current);
      expect(due.ids).toEqual([first.id, next.current.id]);
    });

    it('never come when they were cancelled, and may be scheduled anew', async () => {
      const { scheduler, due } = await started();
      const delayed = delayedUntil(scheduler.now() + 200);
      await scheduler.schedule(delayed);

      expect(await scheduler.cancel(delayed.slot)).toBe(true);
      expect(await scheduler.cancel(delayed.slot)).toBe(false);
      await marker(scheduler, due, delayed.deadline + 50);
      expect(due.seen).toHaveLength(1);

      expect(await scheduler.schedule(delayed)).toMatchObject({ state: 'new' });
      expect(await due.next(delayed)).toEqual(delayed);
      expect(await scheduler.cancel(delayed.slot)).toBe(false);
    });

    it('that are cancelled at their very time never come, or nobody said so', { timeout: 30_000 }, async () => {
      const { scheduler, due } = await started();
      const all = Array.from({ length: 500 }, (_, i) => delayedUntil(scheduler.now() + 400 + (i % 100)));
      await Promise.all(all.map((delayed) => scheduler.schedule(delayed)));
      const certain = new Set<string>();
      const cancel = async ({ id, slot, deadline }: (typeof all)[number]): Promise<void> => {
        await new Promise((resolve) => setTimeout(resolve, deadline - scheduler.now()));
        if (await scheduler.cancel(slot)) certain.add(id);
      };
      // Some of them clearly before, so that both ends are met on any machine.
      await Promise.all(all.map((one, i) => cancel(i % 5 ? one : { ...one, deadline: one.deadline - 300 })));
      await due.count(all.length - certain.size);
      await marker(scheduler, due, scheduler.now() + 300);

      expect(certain.size).toBeGreaterThan(0);
      expect(due.ids.filter((id) => certain.has(id))).toEqual([]);
      expect(new Set(due.ids).size).toBe(due.ids.length);
      expect(due.seen).toHaveLength(all.length - certain.size + 1);
    });

    it('are never given up, however often they cannot be published', async () => {
      const due = new DueTimeouts();
      let failures = 0;
      const { scheduler } = await started(async (waiting) => {
        if (failures++ < 3) throw new Error('the log is away');
        await due.take(waiting);
      });
      const delayed = delayedUntil(scheduler.now());
      await scheduler.schedule(delayed);
      expect(await due.next(delayed)).toEqual(delayed);
      expect(failures).toBe(4);
    });

    it('come again and again where they repeat, each time as a message of its own, until they are cancelled', async () => {
      const [one, other] = [await started(), await started()];
      const first = (Math.floor(one.scheduler.now() / 1_000) + 1) * 1_000;
      const delayed = delayedUntil(first, { repeat: { every: 1_000 } });

      await one.scheduler.schedule(delayed);
      expect(await (name === 'memory' ? one : other).scheduler.schedule(delayed)).toMatchObject({ state: 'kept' });
      const seen = () => [...one.due.seen, ...other.due.seen].sort((a, b) => a.deadline - b.deadline);
      await expect.poll(() => seen().length, { timeout: 5_000 }).toBe(2);
      await (name === 'memory' ? one : other).scheduler.cancel(delayed.slot);
      await marker(one.scheduler, one.due, first + 2_100);

      const came = seen().slice(0, -1);
      expect(came.map(({ deadline }) => deadline)).toEqual([first, first + 1_000]);
      const messages = came.map(({ record }) => decodeMessage({ ...record, value: record.value }));
      expect(messages.map(({ id }) => id)).toEqual(came.map(({ id }) => id));
      expect(new Set(messages.map(({ id }) => id)).size).toBe(2);
      for (const { id, breadCrumbs } of messages) expect(breadCrumbs.correlationId).toBe(id);
      expect(messages.map(({ breadCrumbs }) => breadCrumbs.due)).toEqual([first, first + 1_000]);
    });

    it('wait in one at most while the log is away, which comes late, and then they go on', async () => {
      const { scheduler, due, tried, mend } = await withoutLog();
      const delayed = delayedUntil(scheduler.now(), { repeat: { cron: '* * * * * *' } });

      await scheduler.schedule(delayed);
      await expect.poll(() => scheduler.now() - delayed.deadline, { timeout: 5_000 }).toBeGreaterThan(2_100);
      expect(tried()).toEqual([delayed.id]);
      mend();

      await due.count(2);
      await scheduler.cancel(delayed.slot);
      const [late, next] = due.seen;
      expect(late).toEqual(delayed);
      expect(next!.deadline % 1_000).toBe(0);
      expect(next!.deadline).toBeGreaterThan(delayed.deadline + 2_000);
    });

    it('come once where their times were missed, also where they are declared anew before that, and then go on', async () => {
      const day = 24 * 3_600_000;
      const { scheduler, due, tried, mend } = await withoutLog();
      const today = Math.floor(scheduler.now() / day) * day;
      const missed = delayedUntil(today - 5 * day, { repeat: { every: day } });
      const { slot, repeat } = missed;
      const tomorrow = delayedUntil(today + day, { slot, repeat });

      await scheduler.schedule(missed);
      await expect.poll(tried).toEqual([missed.id]);
      const anew = await scheduler.schedule(tomorrow, { replace: true });
      mend();
      await due.next(missed);
      await marker(scheduler, due);

      expect(anew).toEqual({ state: 'new', due: tomorrow.deadline });
      expect(due.seen).toHaveLength(2);
      expect(await scheduler.schedule(tomorrow)).toEqual({ state: 'kept', due: tomorrow.deadline });
      expect(await scheduler.cancel(slot)).toBe(true);
    });

    /** A log that is out of reach until it is mended, and what was to be written meanwhile. */
    async function withoutLog() {
      const due = new DueTimeouts();
      const tried = new Set<string>();
      let isAway = true;
      const { scheduler } = await started(async (waiting) => {
        tried.add(waiting.id);
        if (isAway) throw new Error('the log is away');
        await due.take(waiting);
      });
      return { scheduler, due, tried: () => [...tried], mend: () => void (isAway = false) };
    }

    it('come again no more once they are cancelled, though the one that is due is tried again', async () => {
      const due = new DueTimeouts();
      const slot = randomUUID();
      let failed = false;
      const { scheduler } = await started(async (waiting) => {
        const isFirst = waiting.id === delayed.id && !failed;
        if (isFirst) await scheduler.cancel(slot);
        failed ||= isFirst;
        if (isFirst) throw new Error('the acknowledgement was lost');
        await due.take(waiting);
      });
      const delayed = delayedUntil(scheduler.now(), { slot, repeat: { every: 1_000 } });

      await scheduler.schedule(delayed);
      await expect.poll(() => failed).toBe(true);
      await marker(scheduler, due, scheduler.now() + 1_200);

      expect(due.ids.filter((id) => id !== delayed.id)).toHaveLength(1); // the marker alone
    });

    it('make no time-out late, however many are due with it', { timeout: 30_000 }, async () => {
      let delays = 0;
      const due = new DueTimeouts();
      let release!: () => void;
      const held = new Promise<void>((resolve) => (release = resolve));
      const { scheduler } = await started(async (waiting) => {
        if (!('slot' in waiting)) return due.take(waiting);
        delays++;
        await held; // all places that there are for them are taken
      });
      const at = scheduler.now() + 500;
      await Promise.all(Array.from({ length: 300 }, () => scheduler.schedule(delayedUntil(at))));
      const timeout = timeoutAt(at + 100);
      await scheduler.arm(timeout);

      await due.next(timeout);

      expect(scheduler.now() - timeout.deadline).toBeLessThan(1_000);
      expect(delays).toBeGreaterThanOrEqual(100);
      release();
    });
  });
}

/** What would have come before this, has come. */
async function marker(scheduler: TimeoutScheduler, due: DueTimeouts, deadline = scheduler.now()): Promise<void> {
  const delayed = delayedUntil(deadline);
  await scheduler.schedule(delayed);
  await due.next(delayed);
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
