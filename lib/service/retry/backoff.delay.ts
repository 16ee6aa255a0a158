import type { RetryBackoff } from './retry.options.js';

/**
 * The shortest pause after an attempt, in milliseconds.
 * @param attempt that has failed, from 1
 */
export function shortestDelay({ first, factor, maximum }: Required<RetryBackoff>, attempt: number): number {
  // A power that is too large is Infinity, and then the maximum.
  return Math.ceil(Math.min(first * factor ** (attempt - 1), maximum));
}

/**
 * The pause after an attempt, in whole milliseconds: the shortest one, and up to `jitter` of it more.
 * @param random from 0 to 1
 */
export function backoffDelay(backoff: Required<RetryBackoff>, attempt: number, random = Math.random()): number {
  return Math.ceil(shortestDelay(backoff, attempt) * (1 + backoff.jitter * random));
}
