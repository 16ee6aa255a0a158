import type { Delayed, DelayOptions } from '../../timeout/delayed.js';
import type { OutgoingRecord } from '../../message/record.js';

/** What a scheduler must know of a delayed command, beside its record. */
export interface Delay extends Omit<Delayed, 'record'>, DelayOptions {}

/** A record that follows from a message: for the log, or, with a delay, for the scheduler. It may be held and kept before. */
export interface HeldRecord extends OutgoingRecord {
  readonly delay?: Delay;
}
