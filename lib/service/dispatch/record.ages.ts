import type { LogRecord } from '../../message/record.js';
import type { TimeoutScheduler } from '../../timeout/timeout.scheduler.js';

/** The clock that deadlines are judged by, and what is known of the others. */
export type JudgingClock = Pick<TimeoutScheduler, 'now' | 'clockSkew' | 'hasSharedClock'>;

/** How long ages are watched before the smallest of them says something, in milliseconds. */
const SPAN = 60_000;

/** Pause between two warnings, in milliseconds. */
const QUIET = 600_000;

/**
 * Compares this machine's clock with those that write into the log, where nothing else does. A record that was just written is as
 * old as its way took; so one that comes from the future was written by a clock ahead of ours, and where none of a whole minute was
 * young, ours is ahead, or we are behind with reading.
 */
export class RecordAges {
  private smallest = Infinity;
  private since?: number;
  private quietUntil = -Infinity;

  constructor(
    private readonly clock: JudgingClock,
    private readonly warn: (message: string) => void,
  ) {}

  /** Notes a record that was written while its partition was ours; what waited for us before says nothing of clocks. */
  note({ timestamp }: Pick<LogRecord, 'timestamp'>): void {
    const { clockSkew, hasSharedClock } = this.clock;
    // With one process, or with Redis, there is one clock already, whatever this machine's says.
    if (hasSharedClock || clockSkew === 0) return;
    const now = this.clock.now();
    const age = now - timestamp;
    if (age < -clockSkew) return this.tell(now, behind(-age, clockSkew));
    this.since ??= now;
    this.smallest = Math.min(this.smallest, age);
    if (now - this.since < SPAN) return;
    if (this.smallest > clockSkew) this.tell(now, ahead(this.smallest, clockSkew));
    this.since = undefined;
    this.smallest = Infinity;
  }

  private tell(now: number, message: string): void {
    if (now < this.quietUntil) return;
    this.quietUntil = now + QUIET;
    this.warn(message);
  }
}

const FIX = 'Synchronise the clocks (NTP), or give the option "redis": its clock corrects them.';

function behind(by: number, skew: number): string {
  return `A record came that was written ${by} ms from now by this machine's clock, which may lie ${skew} ms behind others ("timeouts.clockSkew"). Handlers may start as much after their deadline. ${FIX}`;
}

function ahead(by: number, skew: number): string {
  return `All records of the last minute were at least ${by} ms old when they came, and clocks may lie ${skew} ms apart ("timeouts.clockSkew"). Either this machine's clock is ahead, and commands expire before their time, or it is that far behind with reading. ${FIX}`;
}
