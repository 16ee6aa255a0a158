import { TimeoutsUnavailableError } from '../timeout.errors.js';
import { type Delayed, type DelayOptions, following, type Scheduled } from '../delayed.js';
import type { OnDue } from '../waiting.js';
import { DueTimers } from './due.timers.js';

/** Delayed commands that wait in the process, one in a slot. */
export class MemoryDelays {
  private readonly timers: DueTimers<Delayed>;
  private readonly slots = new Map<string, Delayed>();

  constructor(
    private readonly maximum: number,
    private readonly now: () => number,
    private readonly onDue: OnDue,
  ) {
    this.timers = new DueTimers('delayed command', now, (delayed) => this.publish(delayed));
  }

  /** @throws {TimeoutsUnavailableError} `timeouts_unavailable`: too many wait */
  schedule(delayed: Delayed, { replace = false }: DelayOptions): Scheduled {
    const { id, slot, deadline: due } = delayed;
    const before = this.slots.get(slot);
    // One whose time has come is on its way, and the slot is free: its own handler may use it again.
    if (before && !replace && before.deadline > this.now()) return { state: 'kept', due: before.deadline };
    const replaced = before !== undefined && replace && this.timers.disarm(before.id);
    if (this.timers.has(id)) return { state: 'kept', due };
    if (this.timers.size >= this.maximum) throw tooMany(this.maximum);
    this.timers.arm(delayed);
    this.slots.set(slot, delayed);
    return { state: replaced ? 'replaced' : 'new', due };
  }

  cancel(slot: string): boolean {
    const delayed = this.slots.get(slot);
    this.slots.delete(slot);
    return delayed !== undefined && this.timers.disarm(delayed.id);
  }

  stop(): Promise<void> {
    this.slots.clear();
    return this.timers.stop();
  }

  private async publish(delayed: Delayed): Promise<void> {
    if (delayed.repeat && this.isCurrent(delayed)) {
      const next = following(delayed, this.now());
      this.slots.set(delayed.slot, next);
      this.timers.arm(next);
    }
    await this.onDue(delayed);
    if (this.isCurrent(delayed)) this.slots.delete(delayed.slot);
  }

  /** Not taken back meanwhile, and no other one in its place. */
  private isCurrent({ slot, id }: Delayed): boolean {
    return this.slots.get(slot)?.id === id;
  }
}

function tooMany(maximum: number): TimeoutsUnavailableError {
  return new TimeoutsUnavailableError(
    `${maximum} delayed commands wait in this process already, the most that the option "timeouts.maximumDelayed" allows.`,
    false,
  );
}
