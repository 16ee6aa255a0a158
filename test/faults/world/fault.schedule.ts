import type { FaultRecord } from './fault.js';
import type { World } from './world.js';

export interface FaultRunOptions {
  readonly seed: number;
  /** When no further fault begins: after so many milliseconds, or when it is aborted. Those that are there are healed first. */
  readonly until: number | AbortSignal;
  /** Names of the faults that may happen. Left out: all of them. */
  readonly faults?: readonly string[];
  /** Records that a lag consists of. @default 100_000 */
  readonly lag?: number;
  readonly tell: (line: string) => void;
}

export type RunFaults = (world: World, options: FaultRunOptions) => Promise<FaultRecord[]>;
