import type { Answers, Child, ChildOptions } from './support/child.process.js';
import type { Figure } from './support/figure.js';

/** A real part that a case stands on. */
export type RealPart = 'kafka' | 'redis';

/** What a case finds where it runs. */
export interface BenchSite {
  /** Fewer clients, fewer and shorter rounds: for a look, not for a claim. */
  readonly quick: boolean;
  /** `host:port` of each broker; empty where the case does not need Kafka. */
  readonly brokers: readonly string[];
  /** Empty where the case does not need Redis. */
  readonly redisUrl: string;
  /** Says how far it is. */
  tell(text: string): void;
  /** Starts a part of the case in a process of its own, which ends with the case. */
  start<A extends Answers>(module: URL, options?: ChildOptions): Child<A>;
  /** Ends all that it started, before the case itself ends. */
  stop(): Promise<void>;
}

/** One thing that is measured, ours beside the floor or a peer that does the same work in the same run. */
export interface BenchCase {
  readonly name: string;
  readonly needs: readonly RealPart[];
  run(site: BenchSite): Promise<Figure[]>;
}
