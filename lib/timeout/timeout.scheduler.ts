import type { OutgoingRecord } from '../message/record.js';

/** A time-out that is due at a deadline: the result that says so, ready for the log. */
export interface Timeout {
  /** Derived from session, key, RequestId and deadline; arming the same id again changes nothing. */
  readonly id: string;
  /** When it is due, in milliseconds since the epoch. */
  readonly deadline: number;
  /** The `timeout` result. Key, value and headers are text. */
  readonly record: TimeoutRecord;
}

/** A record that survives JSON, so that it can wait in Redis. */
export interface TimeoutRecord extends OutgoingRecord {
  readonly partition: number;
  readonly key: string | null;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What happens with a time-out that is due. Resolves when the record is in the log; a rejection means "try again". */
export type OnTimeoutDue = (timeout: Timeout) => Promise<void>;

/**
 * Wakes at deadlines. It decides nothing: the log does, by the first terminal record. It may wake more than once, and
 * disarming may come too late; both are harmless. The core knows only this; one contract suite runs against every adapter.
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
  /** Why time-outs cannot be armed now; undefined while they can. */
  readonly trouble: string | undefined;
  /**
   * Begins to wake.
   * @param namespace names the log (its cluster id), so that no other deployment takes a time-out
   */
  start(namespace: string, onDue: OnTimeoutDue): Promise<void>;
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
  /** Stops waking, waits for what is being published (bounded), hangs up. Safe to call twice. */
  stop(): Promise<void>;
}
