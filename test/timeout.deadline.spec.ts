import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Deadline } from '../lib/timeout/deadline.js';

describe('a deadline', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000 });
    onTestFinished(() => void vi.useRealTimers());
  });

  it('has passed only after it', () => {
    const deadline = new Deadline(1_000_000);

    expect(deadline.expired()).toBe(false);
    vi.setSystemTime(1_000_001);
    expect(deadline.expired()).toBe(true);
  });

  it('tells how much time is left, by the clock that it was given', () => {
    const deadline = new Deadline(1_000_000, () => Date.now() - 250);

    expect(deadline.remaining).toBe(250);
    vi.setSystemTime(1_005_000);
    expect(deadline.remaining).toBe(0);
  });

  it('aborts its signal when it comes, with a reason that has a code', () => {
    const { signal } = new Deadline(1_000_500);

    vi.advanceTimersByTime(499);
    expect(signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);

    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: 'deadline_passed', temporary: false });
  });

  it('hands out a signal that is aborted already when it has passed', () => {
    expect(new Deadline(999_999).signal.aborted).toBe(true);
  });

  it('aborts late rather than early where Node cannot count so far', () => {
    const { signal } = new Deadline(Date.now() + 2 ** 32);

    vi.advanceTimersByTime(2 ** 32 - 1);
    expect(signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(signal.aborted).toBe(true);
  });

  it('never passes where there is none', () => {
    const deadline = new Deadline(undefined);

    expect(deadline.expired()).toBe(false);
    expect(deadline.remaining).toBe(Infinity);
    expect(deadline.signal.aborted).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('costs no timer until somebody asks for its signal, and one however often that is', () => {
    const deadline = new Deadline(1_000_500);
    expect(vi.getTimerCount()).toBe(0);

    expect(deadline.signal).toBe(deadline.signal);

    expect(vi.getTimerCount()).toBe(1);
  });

  it('aborts nothing once it is released', () => {
    const used = new Deadline(1_000_500);
    const { signal } = used;
    const unused = new Deadline(1_000_500);

    used.dispose();
    used.dispose();
    unused[Symbol.dispose]();

    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(1_000);
    expect(signal.aborted).toBe(false);
    expect(unused.signal.aborted).toBe(false);
  });
});
