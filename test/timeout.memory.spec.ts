import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { MemoryTimeoutScheduler } from '../lib/timeout/memory/memory.timeout.scheduler.js';
import { MemoryTimeoutOptions } from '../lib/timeout/timeout.options.js';
import { collectLogs, DueTimeouts, timeoutAt } from './support/timeouts.js';

const MONTH = 30 * 24 * 60 * 60 * 1_000;

describe('time-outs in the process', () => {
  const due = { current: new DueTimeouts() };

  beforeEach(() => {
    Logger.overrideLogger(false);
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    due.current = new DueTimeouts();
  });

  async function started(
    options: Partial<MemoryTimeoutOptions> = {},
    now?: () => number,
  ): Promise<MemoryTimeoutScheduler> {
    const scheduler = new MemoryTimeoutScheduler(Object.assign(new MemoryTimeoutOptions(), options), now);
    onTestFinished(() => scheduler.stop());
    await scheduler.start('log', (timeout) => due.current.take(timeout));
    return scheduler;
  }

  it('are refused beyond the maximum, until one is due or disarmed', async () => {
    const scheduler = await started({ maximum: 2 });
    const [first, second, third] = [1, 2, 3].map((n) => timeoutAt(Date.now() + n * 1_000));
    await scheduler.arm(first!);
    await scheduler.arm(second!);

    await expect(scheduler.arm(third!)).rejects.toMatchObject({ code: 'timeouts_unavailable', temporary: true });
    expect(scheduler.trouble).toMatch(/"timeouts\.maximum"/);
    await expect(scheduler.arm(first!)).resolves.toBeUndefined();

    await scheduler.disarm(second!.id);
    await scheduler.arm(third!);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(scheduler.trouble).toBeUndefined();
    expect(due.current.ids).toEqual([first!.id]);
  });

  it('wait longer than a Node timer can', async () => {
    const scheduler = await started();
    const timeout = timeoutAt(Date.now() + 2 * MONTH);
    await scheduler.arm(timeout);

    await vi.advanceTimersByTimeAsync(2 * MONTH - 1);
    expect(due.current.seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);

    expect(due.current.seen).toEqual([timeout]);
  });

  it('wait on when the clock was set back', async () => {
    let setBack = 0;
    const scheduler = await started({}, () => Date.now() - setBack);
    const timeout = timeoutAt(scheduler.now() + 1_000);
    await scheduler.arm(timeout);

    setBack = 5_000;
    await vi.advanceTimersByTimeAsync(5_999);
    expect(due.current.seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);

    expect(due.current.seen).toEqual([timeout]);
  });

  it('come again ever more slowly while they cannot be published, and fill no log', async () => {
    const lines = collectLogs();
    const scheduler = new MemoryTimeoutScheduler();
    onTestFinished(() => scheduler.stop());
    const attempts: number[] = [];
    await scheduler.start('log', async () => {
      attempts.push(Date.now());
      return Promise.reject(new Error('the log is away'));
    });
    await scheduler.arm(timeoutAt(Date.now()));

    await vi.advanceTimersByTimeAsync(10 * 60_000);

    const pauses = attempts.slice(1).map((at, i) => at - attempts[i]!);
    expect(pauses[0]).toBeLessThanOrEqual(200);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(30_000);
    expect(pauses.slice(-10).every((pause) => pause >= 15_000)).toBe(true);
    expect(lines[0]).toMatch(/^warn: .*auction\/3 \(the log is away\)/);
    expect(lines.length).toBeLessThanOrEqual(attempts.length);
  });

  it('leave no timer behind when they stop', async () => {
    const scheduler = await started();
    await scheduler.arm(timeoutAt(Date.now() + MONTH));
    expect(vi.getTimerCount()).toBe(1);

    await scheduler.stop();

    expect(vi.getTimerCount()).toBe(0);
  });

  it('stop within bounds where a publication never ends', async () => {
    const scheduler = new MemoryTimeoutScheduler();
    await scheduler.start('log', () => new Promise(() => undefined));
    await scheduler.arm(timeoutAt(Date.now()));
    await vi.advanceTimersByTimeAsync(1);

    const stopped = scheduler.stop();
    await vi.advanceTimersByTimeAsync(5_001);

    await expect(stopped).resolves.toBeUndefined();
  });

  it('tell how far the clocks of several processes may lie apart, as the options say', async () => {
    expect((await started()).clockSkew).toBe(0);
    expect((await started({ clockSkew: 1_000 })).clockSkew).toBe(1_000);
  });
});
