/** What a fault takes away, so that two that together are more than the promises allow do not meet. */
export type FaultShare = 'broker' | 'redis' | 'gateway' | 'service' | 'clients' | 'group';

/** Something that goes wrong, and is made good again. */
export interface Fault {
  /** The same in every run, such as `broker killed`. */
  readonly name: string;
  readonly takes: readonly FaultShare[];
  /** How long it lasts between {@link inject} and {@link heal}, in milliseconds. */
  readonly lasts: number;
  /** Whom it met this time, such as `gateway 2`; for the report. */
  readonly target: string;
  /** The members that cannot do their part while it lasts: they must say so at its end. */
  readonly disabled?: readonly string[];
  inject(): Promise<void>;
  /** Makes it good, also where {@link inject} failed half-way. */
  heal(): Promise<void>;
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
  /**
   * From the healing of its round until every member said that it was ready and every gateway had answered a probe, in milliseconds;
   * undefined where that did not happen within the limit.
   */
  readonly recovered?: number;
  /** What the members said of themselves that was not so. */
  readonly lies: readonly string[];
}
