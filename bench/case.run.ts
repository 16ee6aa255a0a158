import { setTimeout as pause } from 'node:timers/promises';
import type { BenchCase, BenchSite } from './bench.case.js';
import { type Answers, Child, type ChildOptions } from './support/child.process.js';
import type { Figure } from './support/figure.js';

/** How long a case may take, and how long it may tidy up after its processes have ended, in milliseconds. */
const CASE_LIMIT = 900_000;
const TIDY_LIMIT = 15_000;

/**
 * Runs one case, and ends what it started, also where it takes too long.
 * @param signal ends it before its time
 */
export async function runCase(
  one: BenchCase,
  parts: Pick<BenchSite, 'brokers' | 'redisUrl' | 'quick'>,
  signal: AbortSignal,
): Promise<Figure[]> {
  const children: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.stop()));
  };
  const site: BenchSite = {
    ...parts,
    stop,
    tell: (text) => console.error(`${one.name}: ${text}`),
    start<A extends Answers>(module: URL, options?: ChildOptions): Child<A> {
      signal.throwIfAborted();
      const child = Child.start<A>(module, options);
      children.push(child);
      return child;
    },
  };
  const over = new AbortController();
  const work = one.run(site);
  try {
    return await Promise.race([work, tooLong(one, over.signal), aborted(signal, over.signal)]);
  } finally {
    over.abort();
    await stop();
    // Without its processes it fails soon, and removes its topics.
    await Promise.race([work.catch(() => undefined), pause(TIDY_LIMIT, undefined, { ref: false })]);
    await stop();
  }
}

async function tooLong({ name }: BenchCase, over: AbortSignal): Promise<never> {
  await pause(CASE_LIMIT, undefined, { signal: over });
  throw new Error(`"${name}" took longer than ${CASE_LIMIT / 1_000} s.`);
}

function aborted(signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: over });
  });
}
