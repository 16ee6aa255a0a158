import { DelayRefusedError } from '../../timeout/timeout.errors.js';
import { LAST_MOMENT } from '../../timeout/recurrence.js';
import type { DueTime } from './scheduling.options.js';

/**
 * When a command is due, in milliseconds since the epoch.
 * @param now by the clock that all processes share, where there is one
 * @throws {DelayRefusedError} `delay_refused`: no time, or two
 */
export function dueAt(time: DueTime, now: () => number): number {
  const { at, after } = time as { at?: unknown; after?: unknown };
  if ((at === undefined) === (after === undefined))
    throw new DelayRefusedError('A delayed command needs one of "at" and "after", and not both.');
  return at === undefined ? now() + length('after', after, { from: 0, to: LAST_MOMENT - now() }) : moment(at);
}

/** A length of time that was given. @throws {DelayRefusedError} `delay_refused` */
export function length(name: 'after' | 'ttl', value: unknown, { from, to }: { from: number; to: number }): number {
  if (typeof value === 'number' && value >= from && value <= to) return Math.ceil(value);
  throw new DelayRefusedError(
    `"${name}" is ${String(value)}; it is a number of milliseconds from ${from} up, and ends when a date can still hold it.`,
  );
}

function moment(at: unknown): number {
  // Number(null) is the epoch: an end that nobody has set yet would be due at once.
  const due = typeof at === 'number' || at instanceof Date ? Math.max(0, Math.ceil(Number(at))) : Number.NaN;
  if (due <= LAST_MOMENT) return due;
  throw new DelayRefusedError('"at" is no time: neither a Date nor a number of milliseconds that a date can hold.');
}
