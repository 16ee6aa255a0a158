import type { Delayed, DelayOptions, Scheduled } from './delayed.js';
import type { OnDue, Waiting, WaitingRecord } from './waiting.js';

/** A time-out that is due at a deadline: the result that says so, ready for the log. */
export interface Timeout extends Waiting {
  /** Derived from session, key, RequestId and deadline; arming the same id again changes nothing. */
  readonly id: string;
  /** The `timeout` result. */
  readonly record: TimeoutRecord;
}

/** A time-out goes to the partition that its request's outcome belongs to. */
export interface TimeoutRecord extends WaitingRecord {
  readonly partition: number;
}

/**
 * Wakes at deadlines. Of time-outs it decides nothing: the log does, by the first terminal record. It may wake more than once, and
 * disarming may come too late; both are harmless. Delayed commands are known to nobody else, so none of them is ever given up; they
 * wait apart from the time-outs, so that a flood of them makes none late. The core knows only this; one contract suite runs
 * against every adapter.
 */
export interface TimeoutScheduler {
  /** The time that deadlines are made and judged by, in milliseconds since the epoch, corrected where a shared clock is known. */
  now(): number;
  /**
   * How far two processes' {@link now} may lie apart, in milliseconds; what a service waits past a deadline before it calls a
   * command late. Zero where there is one process or one clock.
   */
  readonly clockSkew: number;
  /** Whether {@link now} is corrected by a clock that all processes share; else it is this machine's own. */
  readonly hasSharedClock: boolean;
  /** Why nothing can be armed or scheduled now; undefined while it can. */
  readonly trouble: string | undefined;
  /** Resolves when something can be armed or scheduled for the first time, or at the stop. */
  readonly reached: Promise<void>;
  /**
   * Begins to wake.
   * @param namespace names the log (its cluster id), so that no other deployment takes what waits
   */
  start(namespace: string, onDue: OnDue): Promise<void>;
  /**
   * Asks to be woken at the deadline. Resolves when that survives what the adapter promises to survive.
   * @throws {TimeoutsUnavailableError} `timeouts_unavailable`: the gateway's backstop still holds; its `sent` says whether it may
   * be armed all the same
   */
  arm(timeout: Timeout): Promise<void>;
  /**
   * Takes the wish back. Bounded like {@link arm}.
   * @returns whether it certainly never wakes: true where it was waiting still. One that is gone is no error, but it may have
   * woken, or be about to.
   */
  disarm(id: string): Promise<boolean>;
  /**
   * Keeps a command until it is due. Resolves when that survives what the adapter promises to survive.
   * @throws {TimeoutsUnavailableError} `timeouts_unavailable`; its `sent` says whether it may be scheduled all the same. Asking
   * again with the same {@link Delayed.id} does no harm.
   */
  schedule(delayed: Delayed, options?: DelayOptions): Promise<Scheduled>;
  /**
   * Takes back what waits in a slot, and ends its recurrence. Bounded like {@link schedule}.
   * @returns as {@link disarm} does
   * @throws {TimeoutsUnavailableError} `timeouts_unavailable`
   */
  cancel(slot: string): Promise<boolean>;
  /** Stops waking, waits for what is being published (bounded), hangs up. Safe to call twice. */
  stop(): Promise<void>;
}
