import { messageIdOf } from '../message/message.id.js';
import { headersAt } from '../message/scheduled.command.js';
import { nextTime, type Recurrence } from './recurrence.js';
import type { Waiting } from './waiting.js';

/** A command that waits for its time, ready for the log but for its partition, which its key chooses when it is due. */
export interface Delayed extends Waiting {
  /** Id of its message, see {@link delayedId}. */
  readonly id: string;
  /** What it is found by. At most one command waits in a slot; once that is due the slot is free. */
  readonly slot: string;
  /** Comes again, in the same slot. */
  readonly repeat?: Recurrence;
}

/** How a command is scheduled where another one waits in its slot. */
export interface DelayOptions {
  /**
   * Takes the other one's place, in one step; else the first one stays.
   * @default false
   */
  readonly replace?: boolean;
}

/** What waits in the slot now. */
export interface Scheduled {
  /**
   * `new`: this one, and nothing else waited, or what did may have been published already; `kept`: the one that was there, as it
   * was; `replaced`: this one, and the other certainly never comes.
   */
  readonly state: 'new' | 'kept' | 'replaced';
  /** When it is due, in milliseconds since the epoch. */
  readonly due: number;
}

/** Whether what waits is a delayed command, and no time-out. */
export function isDelayed(waiting: Waiting): waiting is Delayed {
  return 'slot' in waiting;
}

/** The id of a delayed command: slot and time make it, so that whoever schedules it again schedules the same. */
export function delayedId(slot: string, due: number): string {
  return messageIdOf(`${slot} ${due}`);
}

/** The next occurrence. What was missed is not made up for: it is the first one that is still to come. */
export function following(delayed: Delayed, now: number): Delayed {
  const { slot, repeat, record } = delayed;
  const due = nextTime(repeat!, Math.max(now, delayed.deadline));
  const id = delayedId(slot, due);
  return { ...delayed, id, deadline: due, record: { ...record, headers: headersAt(record.headers, { id, due }) } };
}
