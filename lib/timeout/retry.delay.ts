const FIRST = 200;
const LONGEST = 30_000;

/**
 * How long to wait before the next attempt to publish a time-out, in milliseconds: twice as long each time, at most half a
 * minute, and spread, because what could not be published at once would else come back at once.
 * @param failures how often it failed, from 1
 */
export function retryDelay(failures: number): number {
  const delay = Math.min(FIRST * 2 ** (failures - 1), LONGEST);
  return Math.ceil(delay * (0.5 + Math.random() / 2));
}
