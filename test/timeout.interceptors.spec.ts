import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { LogUnavailableError } from '../lib/log/log.errors.js';
import { ArmingInterceptor } from '../lib/timeout/arming.interceptor.js';
import { DisarmingInterceptor } from '../lib/timeout/disarming.interceptor.js';
import { MemoryTimeoutScheduler } from '../lib/timeout/memory/memory.timeout.scheduler.js';
import { TimeoutsUnavailableError } from '../lib/timeout/timeout.errors.js';
import type { Timeout } from '../lib/timeout/timeout.scheduler.js';
import { collectLogs, DueTimeouts, timeoutAt } from './support/timeouts.js';

const AWAY = new TimeoutsUnavailableError('Redis is away.', false);
const SILENT = new TimeoutsUnavailableError('Redis did not answer.', true);

/** The in-process scheduler with a door in front, so that a test decides when arming ends and how. */
class GuardedScheduler extends MemoryTimeoutScheduler {
  readonly calls: string[] = [];
  door: Promise<void> = Promise.resolve();

  override async arm(timeout: Timeout): Promise<void> {
    this.calls.push('arm');
    await this.door;
    await super.arm(timeout);
    this.calls.push('armed');
  }

  override async disarm(id: string): Promise<boolean> {
    this.calls.push('disarm');
    await this.door;
    return super.disarm(id);
  }
}

describe('the way of a request through its time-out', () => {
  let scheduler: GuardedScheduler;
  let due: DueTimeouts;

  beforeEach(async () => {
    Logger.overrideLogger(false);
    scheduler = new GuardedScheduler();
    due = new DueTimeouts();
    await scheduler.start('log', due.take);
    onTestFinished(() => scheduler.stop());
  });

  /** What was armed at the given time has come by now, or never will. */
  async function marker(): Promise<Timeout> {
    scheduler.door = Promise.resolve();
    const timeout = timeoutAt(scheduler.now() + 60);
    await scheduler.arm(timeout);
    return due.next(timeout);
  }

  describe('on the way in', () => {
    it('is armed, and answered by what publishing gave', async () => {
      const timeout = timeoutAt(scheduler.now() + 20);

      const result = await new ArmingInterceptor(scheduler).run(timeout, async () => 'in the log');

      expect(result).toBe('in the log');
      expect(await due.next(timeout)).toEqual(timeout);
    });

    it('is answered as soon as the log has it, however long the arming takes', async () => {
      let open!: () => void;
      scheduler.door = new Promise((resolve) => (open = resolve));
      const timeout = timeoutAt(scheduler.now());

      await new ArmingInterceptor(scheduler).run(timeout, async () => undefined);

      expect(scheduler.calls).toEqual(['arm']);
      open();
      expect(await due.next(timeout)).toEqual(timeout);
    });

    it('goes on where it cannot be armed, and says so sparingly', async () => {
      const lines = collectLogs();
      const interceptor = new ArmingInterceptor(scheduler);
      scheduler.door = Promise.reject(AWAY);

      const results = await Promise.all([1, 2, 3].map((n) => interceptor.run(timeoutAt(0), async () => n)));

      expect(results).toEqual([1, 2, 3]);
      expect(lines).toEqual([expect.stringMatching(/^warn: .*not armed.* Redis is away\./)]);
    });

    it('is disarmed, after it was armed, where the command never reached the log', async () => {
      const error = new LogUnavailableError('No broker answers.', false);
      const timeout = timeoutAt(scheduler.now() + 30);

      await expect(new ArmingInterceptor(scheduler).run(timeout, () => Promise.reject(error))).rejects.toBe(error);

      expect(scheduler.calls).toEqual(['arm', 'armed', 'disarm']);
      const last = await marker();
      expect(due.seen).toEqual([last]);
    });

    it.each([
      ['may be in the log all the same', new LogUnavailableError('The acknowledgement was lost.', true)],
      ['failed in a way that proves nothing', new Error('anything')],
      ['rejected with nothing', undefined as unknown as Error],
    ])('stays armed where the command %s', async (_, error: Error) => {
      const timeout = timeoutAt(scheduler.now() + 30);

      await expect(new ArmingInterceptor(scheduler).run(timeout, () => Promise.reject(error))).rejects.toBe(error);

      expect(await due.next(timeout)).toEqual(timeout);
    });

    it('goes by a proof of the caller’s own', async () => {
      const error = new RangeError('too large');
      const interceptor = new ArmingInterceptor(scheduler, (thrown) => thrown instanceof RangeError);

      await expect(interceptor.run(timeoutAt(scheduler.now() + 30), () => Promise.reject(error))).rejects.toBe(error);

      expect(scheduler.calls).toContain('disarm');
    });

    it('rejects with what publishing rejected with, where it was certainly never armed', async () => {
      const error = new LogUnavailableError('No broker answers.', false);
      scheduler.door = Promise.reject(AWAY);

      const answer = new ArmingInterceptor(scheduler).run(timeoutAt(0), () => Promise.reject(error));

      await expect(answer).rejects.toBe(error);
    });

    it('leaves the answer to the log where the time-out fired before publishing was given up', async () => {
      const timeout = timeoutAt(scheduler.now());
      const error = new LogUnavailableError('No broker answers.', false);

      const answer = new ArmingInterceptor(scheduler).run(timeout, async () => {
        await due.next(timeout);
        throw error;
      });

      await expect(answer).rejects.toMatchObject({ code: 'timeout_still_armed', temporary: true, cause: error });
    });

    it('leaves the answer to the log where Redis does not say whether it is armed', async () => {
      const error = new LogUnavailableError('No broker answers.', false);
      scheduler.door = Promise.reject(SILENT);

      const answer = new ArmingInterceptor(scheduler).run(timeoutAt(0), () => Promise.reject(error));

      await expect(answer).rejects.toMatchObject({ code: 'timeout_still_armed', cause: error });
    });
  });

  describe('on the way out', () => {
    it('is disarmed once the result is in the log, and not before', async () => {
      const timeout = timeoutAt(scheduler.now() + 40);
      await scheduler.arm(timeout);

      const result = await new DisarmingInterceptor(scheduler).run(timeout.id, async () => {
        await Promise.resolve();
        scheduler.calls.push('published');
        return 'in the log';
      });

      expect(result).toBe('in the log');
      expect(scheduler.calls.slice(2)).toEqual(['published', 'disarm']);
      const last = await marker();
      expect(due.seen).toEqual([last]);
    });

    it('stays armed where the result could not be published', async () => {
      const error = new LogUnavailableError('No broker answers.', false);
      const timeout = timeoutAt(scheduler.now() + 20);
      await scheduler.arm(timeout);

      await expect(new DisarmingInterceptor(scheduler).run(timeout.id, () => Promise.reject(error))).rejects.toBe(
        error,
      );

      expect(await due.next(timeout)).toEqual(timeout);
    });

    it('is done with the result where disarming fails, or takes for ever', async () => {
      const interceptor = new DisarmingInterceptor(scheduler);

      scheduler.door = Promise.reject(AWAY);
      await expect(interceptor.run('any', async () => 1)).resolves.toBe(1);
      scheduler.door = new Promise(() => undefined);
      await expect(interceptor.run('any', async () => 2)).resolves.toBe(2);
    });

    it('asks nothing of the scheduler for a command that nothing was armed for', async () => {
      await new DisarmingInterceptor(scheduler).run(undefined, async () => undefined);

      expect(scheduler.calls).toEqual([]);
    });
  });
});
