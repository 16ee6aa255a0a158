import type { PlatformMessage } from '../../message/platform-message.js';
import type { LogRecord } from '../../message/record.js';
import {
  CommandContext,
  EventContext,
  type Handled,
  type HandlerContext,
  type HandlingFacts,
  LateContext,
} from './handler.context.js';
import type { HandlingBounds } from './handling.bounds.js';
import type { Outbox } from '../inbox/outbox.js';
import { type AbortReason, HandlingAbortedError } from '../service.errors.js';

/** One message in the hands of one method. */
export class Handling<P extends Handled = Handled> implements HandlingFacts<P> {
  /** What the method, its guards and its request-scoped providers see of all this: the same object for each of them. */
  readonly context: HandlerContext;

  constructor(
    readonly message: PlatformMessage<P>,
    readonly record: LogRecord,
    private readonly bounds: HandlingBounds,
    /** Holds what the method publishes, where there is an inbox. */
    readonly outbox?: Outbox,
  ) {
    this.context = contextOf(this);
  }

  get signal(): AbortSignal {
    return this.bounds.signal;
  }

  /** Aborts when what the method publishes need not be tried again. */
  get publishing(): AbortSignal {
    return this.bounds.publishing;
  }

  remaining(): number {
    return this.bounds.remaining();
  }
}

/** Whether an error says no more than that the handling was aborted: the signal's reason, or what was made of it. */
export function isAbort(error: unknown, { signal }: { readonly signal: AbortSignal }): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || (error instanceof Error && error.cause === signal.reason);
}

/** Whether an error is the end of a handling for this reason. */
export function abortedFor(error: unknown, reason: AbortReason): boolean {
  return error instanceof HandlingAbortedError && error.reason === reason;
}

const CONTEXTS = { command: CommandContext, event: EventContext, result: LateContext };

function contextOf(handling: HandlingFacts): HandlerContext {
  return new CONTEXTS[handling.message.payload.kind](handling as HandlingFacts<never>);
}
