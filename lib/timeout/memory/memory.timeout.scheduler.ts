import { Logger } from '@nestjs/common';
import type { Delayed, DelayOptions, Scheduled } from '../delayed.js';
import { TimeoutsUnavailableError } from '../timeout.errors.js';
import { MemoryTimeoutOptions } from '../timeout.options.js';
import type { Timeout, TimeoutScheduler } from '../timeout.scheduler.js';
import type { OnDue } from '../waiting.js';
import { DueTimers } from './due.timers.js';
import { MemoryDelays } from './memory.delays.js';

interface Started {
  readonly timeouts: DueTimers<Timeout>;
  readonly delays: MemoryDelays;
}

/**
 * Time-outs and delayed commands that wait in the process and are gone with it. It serves where there is no Redis, and is every
 * gateway's backstop where there is one.
 */
export class MemoryTimeoutScheduler implements TimeoutScheduler {
  readonly hasSharedClock = false;
  readonly reached: Promise<void>;
  private readonly logger = new Logger('Timeouts');
  private started?: Started;
  private stopping?: Promise<void>;
  private warned = false;
  private setReached!: () => void;

  /**
   * @param now milliseconds since the epoch; a gateway's backstop takes the corrected clock of its scheduler
   * @param outlived whether the log outlives the process; then what is scheduled here is worth a warning
   */
  constructor(
    private readonly options: MemoryTimeoutOptions = new MemoryTimeoutOptions(),
    readonly now: () => number = Date.now,
    private readonly outlived = false,
  ) {
    this.reached = new Promise((resolve) => (this.setReached = resolve));
  }

  get clockSkew(): number {
    return this.options.clockSkew;
  }

  get trouble(): string | undefined {
    if (this.stopping) return 'The time-outs of this process were stopped.';
    if (!this.started) return 'The time-outs of this process were not started yet.';
    const { size } = this.started.timeouts;
    if (size < this.options.maximum) return undefined;
    return `${size} time-outs are armed in this process, the most that the option "timeouts.maximum" allows.`;
  }

  async start(_namespace: string, onDue: OnDue): Promise<void> {
    this.started = {
      timeouts: new DueTimers<Timeout>('time-out', this.now, onDue),
      delays: new MemoryDelays(this.options.maximumDelayed, this.now, onDue),
    };
    this.setReached();
  }

  async arm(timeout: Timeout): Promise<void> {
    const { started, trouble } = this;
    if (started?.timeouts.has(timeout.id)) return;
    if (!started || trouble !== undefined) throw new TimeoutsUnavailableError(trouble ?? 'Not started.', false);
    started.timeouts.arm(timeout);
  }

  async disarm(id: string): Promise<boolean> {
    return this.started?.timeouts.disarm(id) ?? false;
  }

  async schedule(delayed: Delayed, options: DelayOptions = {}): Promise<Scheduled> {
    this.warnOnce();
    return this.delays().schedule(delayed, options);
  }

  async cancel(slot: string): Promise<boolean> {
    return this.delays().cancel(slot);
  }

  stop(): Promise<void> {
    this.setReached();
    this.stopping ??= this.finish();
    return this.stopping;
  }

  private async finish(): Promise<void> {
    await Promise.all([this.started?.timeouts.stop(), this.started?.delays.stop()]);
  }

  /** Theirs whether or not there are too many time-outs. */
  private delays(): MemoryDelays {
    if (this.started && !this.stopping) return this.started.delays;
    throw new TimeoutsUnavailableError(this.trouble!, false);
  }

  private warnOnce(): void {
    if (!this.outlived || this.warned) return;
    this.warned = true;
    this.logger.warn(
      'Commands are scheduled in this process, and are lost where it ends before they are due. Give the option "redis".',
    );
  }
}
