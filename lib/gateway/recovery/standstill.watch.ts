import type { Place } from './recovery.plan.js';

/** How long the router may get no further in a partition that holds more, in milliseconds. */
const LIMIT = 10_000;

/** Tells where a client waits for a partition that does not reach this gateway. One for each client. */
export class StandstillWatch {
  private readonly seen = new Map<string, { next: bigint; since: number }>();

  /**
   * Takes note of how far the router is in a partition that the client waits for.
   * @throws where it has been there for too long: another gateway may do better
   */
  check({ topic, partition }: Place, next: bigint): void {
    const key = `${topic}/${partition}`;
    const seen = this.seen.get(key);
    const now = performance.now();
    if (seen?.next !== next) this.seen.set(key, { next, since: now });
    else if (now - seen.since > LIMIT)
      throw new Error(`nothing of ${key} has reached this gateway for ${LIMIT} ms, though the log holds more`);
  }
}
