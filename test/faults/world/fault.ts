import type { World } from './world.js';

/** What a fault takes away, so that two that together are more than the promises allow do not meet. */
export type FaultShare = 'broker' | 'redis' | 'gateway' | 'service' | 'clients' | 'group';

/** Something that goes wrong, and is made good again. */
export interface Fault {
  /** Whom it meets this time, such as `gateway 2`. */
  readonly target: string;
  /** Members that cannot do their part while it lasts: at its end they must say that they are not ready. */
  readonly disabled?: readonly string[];
  inject(): Promise<void>;
  /** Makes it good, also where {@link inject} failed half-way. */
  heal(): Promise<void>;
  /** Whether it came to what it is for, asked once it is healed. Left out where it does or {@link inject} throws. */
  took?(): boolean;
}

/** What a fault meets. */
export interface FaultScene {
  readonly world: World;
  /** Records that a lag consists of. */
  readonly lag: number;
  /** Aborted when the faults end: what takes long is to come to an end. */
  readonly signal: AbortSignal;
}

/** One thing that can go wrong. */
export interface FaultKind {
  /** The same in every run, such as `broker killed`. */
  readonly name: string;
  readonly takes: readonly FaultShare[];
  /** How long it lasts at least and at most between {@link Fault.inject} and {@link Fault.heal}, in milliseconds. */
  readonly lasts: readonly [least: number, most: number];
  /** Among how many variants the schedule chooses: whom it meets, and how. */
  readonly variants: number;
  /** @param variant from 0 up */
  meet(scene: FaultScene, variant: number): Fault;
}

/** What became of one fault of a run. */
export interface FaultRecord {
  readonly fault: string;
  readonly target: string;
  /** Faults that were there at the same time have the same number. */
  readonly round: number;
  /** When it was injected, in milliseconds since the epoch. */
  readonly at: number;
  /** How long it lasted, with the time that injecting and healing took, in milliseconds. */
  readonly lasted: number;
  /** Whether it came to what it is for, where that is not sure; false also where it was cut short. */
  readonly took?: boolean;
  /**
   * From the healing of its round until every member said that it was ready and every gateway had answered a probe, in milliseconds;
   * undefined where that did not happen within the limit.
   */
  readonly recovered?: number;
  /** What the members said of themselves that was not so, and what did not come back. */
  readonly lies: readonly string[];
}

/** Nothing to make good: it was over in a moment, or heals by itself. */
export async function nothing(): Promise<void> {}
