import type { Recurrence } from '../../timeout/recurrence.js';
import type { PublishOptions } from '../publishing/publish.options.js';

/** What may be said of a command that is sent later. */
export interface ScheduleOptions extends PublishOptions {
  /**
   * What it is cancelled and replaced by: any text, such as `close-lot-7`. It belongs to this service; at most one command waits under
   * it, and once that is due it is free again.
   * @default one of its own
   */
  readonly id?: string;
  /**
   * Where another command waits under the same `id`: takes its place, in one step. Else that one stays as it is.
   * @default false
   */
  readonly replace?: boolean;
  /** Commands of one key are carried out in order. @default the key of the record being handled, else the message's own id */
  readonly key?: string;
  /**
   * How long after it is due it may still be carried out, in milliseconds; then it goes to the dead letters.
   * @default it is carried out however late it is
   */
  readonly ttl?: number;
}

/** When a command is due, once. */
export type DueTime =
  | {
      /** A date, or milliseconds since the epoch; what is past is due at once. */
      readonly at: Date | number;
    }
  | {
      /** Milliseconds from now. */
      readonly after: number;
    };

/** How {@link MessagePublisher.sendLater} sends. */
export type SendLaterOptions = DueTime & ScheduleOptions;

/** How {@link MessagePublisher.sendEvery} sends. Its `id` must be given: nothing else could end it. */
export type SendEveryOptions = Recurrence & ScheduleOptions & { readonly id: string };

/** A command that waits. */
export interface ScheduledCommand {
  /** What it is cancelled by. */
  readonly id: string;
  /** When it is due, in milliseconds since the epoch: where another one was kept, that one. */
  readonly due: number;
  /**
   * `new`: it waits, and no other one did, or the other may have been published already. `kept`: another one waited, and stays as
   * it is. `replaced`: it waits, and the other one certainly never comes. `held`: it will wait once the handler has returned.
   */
  readonly state: 'new' | 'kept' | 'replaced' | 'held';
}
