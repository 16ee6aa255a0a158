import { DelayRefusedError } from '../../timeout/timeout.errors.js';
import type { DueTime } from './scheduling.options.js';

/** The last moment that a `Date` can hold. */
const LAST = 8.64e15;

/**
 * When a command is due, in milliseconds since the epoch.
 * @param now by the clock that all processes share, where there is one
 * @throws {DelayRefusedError} `delay_refused`: no time, or two
 */
export function dueAt(time: DueTime, now: () => number): number {
  const { at, after } = time as { at?: Date | number; after?: number };
  if ((at === undefined) === (after === undefined))
    throw new DelayRefusedError('A delayed command needs one of "at" and "after", and not both.');
  const due = at === undefined ? now() + length('after', after, 0) : Number(at);
  if (due >= 0 && due <= LAST) return Math.ceil(due);
  throw new DelayRefusedError(`"${at === undefined ? 'after' : 'at'}" is no time that a date can hold.`);
}

/** A length of time that was given. @throws {DelayRefusedError} `delay_refused` */
export function length(name: 'after' | 'ttl', value: unknown, minimum: number): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= minimum) return Math.ceil(value);
  throw new DelayRefusedError(`"${name}" is ${String(value)}; it is a number of milliseconds from ${minimum} up.`);
}
