/** How long a handler waits between two attempts. */
export interface RetryBackoff {
  /**
   * Shortest pause after the first attempt that failed, in milliseconds.
   * @default 200
   */
  readonly first?: number;
  /**
   * By what the pause grows with each further attempt; 1: it stays.
   * @default 2
   */
  readonly factor?: number;
  /**
   * What the pause grows to at most, in milliseconds, before the jitter.
   * @default 30_000
   */
  readonly maximum?: number;
  /**
   * By which part of itself a pause is longer at random, 0 to 1, because what failed at once would else come back at once. It is
   * never shorter.
   * @default 0.5
   */
  readonly jitter?: number;
}

/**
 * `in-order`: later records of the key wait, those of other keys do not, up to `maxUncommitted` records of the partition.
 * `out-of-order`: the record waits in a topic of the service (`<service>.retry.…`) and all others go on.
 */
export type RetryOrder = 'in-order' | 'out-of-order';

/** How often, and when, a handler is called again for a message that it failed on. */
export interface RetryOptions {
  /**
   * How often it is called in all, 2 to 100.
   * @default 5
   */
  readonly attempts?: number;
  /** The pauses in between. */
  readonly backoff?: RetryBackoff;
  /** @default 'in-order' */
  readonly order?: RetryOrder;
  /**
   * Whether an error may be gone the next time; `false` gives up at once. Asked only of what made the outcome `failed`: a rejection
   * and an invalid payload are answers, and are never tried again. Where it throws, that is given up too.
   * @default every error
   */
  readonly on?: (error: unknown) => boolean;
}

/** The same with all defaults filled in. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly backoff: Required<RetryBackoff>;
  readonly order: RetryOrder;
  readonly on: (error: unknown) => boolean;
}

const BACKOFF: Required<RetryBackoff> = { first: 200, factor: 2, maximum: 30_000, jitter: 0.5 };

/** Fills in what was left out, or is `undefined`. */
export function retryPolicy({ attempts = 5, backoff = {}, order = 'in-order', on = () => true }: RetryOptions) {
  const given = Object.fromEntries(Object.entries(backoff).filter(([, value]) => value !== undefined));
  return { attempts, backoff: { ...BACKOFF, ...given }, order, on } satisfies RetryPolicy;
}
