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
    const waits = before !== undefined && before.deadline > this.now();
    if (waits && !replace) return { state: 'kept', due: before.deadline };
    // Whoever declares a recurrence anew does not take back the time that is just due.
    const gives = before !== undefined && replace && (waits || !delayed.repeat);
    if (!gives && this.timers.size >= this.maximum && !this.timers.has(id)) throw tooMany(this.maximum);
    const replaced = gives && this.timers.disarm(before.id);
    if (this.timers.has(id)) return { state: 'kept', due };
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
    await this.onDue(delayed);
    if (!this.isCurrent(delayed)) return;
    if (!delayed.repeat) return void this.slots.delete(delayed.slot);
    const next = following(delayed, this.now());
    this.slots.set(delayed.slot, next);
    this.timers.arm(next);
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
