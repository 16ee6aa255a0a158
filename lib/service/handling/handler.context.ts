import type { Claims } from '../../message/claims.js';
import type { Command } from '../../message/command.js';
import type { CommandResult } from '../../message/command.result.js';
import type { Event } from '../../message/event.js';
import type { PlatformMessage } from '../../message/platform-message.js';
import type { LogPosition, LogRecord } from '../../message/record.js';

/** What a service can handle. */
export type Handled = Command | Event | CommandResult;

/** What is known of one message in the hands of one method. */
export interface HandlingFacts<P extends Handled = Handled> {
  readonly message: PlatformMessage<P>;
  /** The record that it was read from. */
  readonly record: LogRecord;
  /** Aborts when there is no use in going on. */
  readonly signal: AbortSignal;
  /** How much time is left, in milliseconds. */
  remaining(): number;
}

/** What a handler may know beside the payload: its second parameter, or `@Ctx()`. */
export abstract class HandlerContext<P extends Handled = Handled> {
  private claims?: { readonly value: Claims | undefined };

  constructor(private readonly handling: HandlingFacts<P>) {}

  /** The whole message: its ids, its source, its bread crumbs. */
  get message(): PlatformMessage<P> {
    return this.handling.message;
  }

  /** Where its record stands in the log. */
  get place(): LogPosition {
    const { topic, partition, offset } = this.handling.record;
    return { topic, partition, offset };
  }

  /** When its record was written, in milliseconds since the epoch. */
  get timestamp(): number {
    return this.handling.record.timestamp;
  }

  /**
   * Aborts when there is no use in going on: the deadline is past (commands), `handlerTimeout` is over, the partition now
   * belongs to another instance, or the application shuts down. Pass it to `fetch`, to timers, to the database.
   */
  get signal(): AbortSignal {
    return this.handling.signal;
  }

  /** How much time is left until the deadline or the end of `handlerTimeout`, in milliseconds; the budget for calls to others. */
  remaining(): number {
    return this.handling.remaining();
  }

  /** How often this was tried, from 1. */
  get attempt(): number {
    return this.handling.message.breadCrumbs.attempt;
  }

  /** Who asked: the claims that the gateway verified; undefined where it verifies none, or where nobody asked. */
  get user(): Claims | undefined {
    this.claims ??= { value: parseClaims(this.handling.message.breadCrumbs.user) };
    return this.claims.value;
  }
}

/** The context of a command. */
export class CommandContext extends HandlerContext<Command> {}

/** The context of an event. */
export class EventContext extends HandlerContext<Event> {}

/**
 * The context of an answer that came too late: its message is that result, as it stands in the log. The deadline is past, so it
 * is left out of the bread crumbs: what is published is carried out however late it is.
 */
export class LateContext extends HandlerContext<CommandResult> {}

function parseClaims(text: string | undefined): Claims | undefined {
  if (text === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(text);
    return typeof claims === 'object' && claims !== null ? (claims as Claims) : undefined;
  } catch {
    return undefined; // written by another kind of gateway; who needs claims decides without them
  }
}
