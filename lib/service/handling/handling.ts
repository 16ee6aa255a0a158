import type { PlatformMessage } from '../../message/platform-message.js';
import type { LogRecord } from '../../message/record.js';
import type { Deadline } from '../../timeout/deadline.js';
import {
  CommandContext,
  EventContext,
  type Handled,
  type HandlerContext,
  type HandlingFacts,
} from './handler.context.js';
import { type AbortReason, HandlingAbortedError } from '../service.errors.js';

/** Node fires a longer delay at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** What ends a handling early. */
export interface HandlingLimits {
  /** Passed over to the handler as its signal; one that never passes for events. */
  readonly deadline: Deadline;
  /** Milliseconds that the handler may run. */
  readonly timeout: number;
  /** Aborts when the record's partition is lost, or the application shuts down. */
  readonly owner: AbortSignal;
}

/** One message in the hands of one method. */
export class Handling<P extends Handled = Handled> implements HandlingFacts<P>, Disposable {
  /** What the method, its guards and its request-scoped providers see of all this: the same object for each of them. */
  readonly context: HandlerContext;
  private readonly controller = new AbortController();
  private readonly started = performance.now();
  private timer?: NodeJS.Timeout;

  constructor(
    readonly message: PlatformMessage<P>,
    readonly record: LogRecord,
    private readonly limits: HandlingLimits,
  ) {
    this.context = contextOf(this);
    const { deadline, owner } = limits;
    for (const signal of deadline.at === undefined ? [owner] : [owner, deadline.signal]) {
      if (signal.aborted) this.controller.abort(signal.reason);
      else signal.addEventListener('abort', this.passOn, { once: true });
    }
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  remaining(): number {
    const { deadline, timeout } = this.limits;
    return Math.max(0, Math.min(deadline.remaining, this.started + timeout - performance.now()));
  }

  /**
   * Runs the handler for as long as it may.
   * @throws {HandlingAbortedError} with reason `handler_timeout`; what `work` does after that is nobody's concern
   */
  async limit<T>(work: () => Promise<T>): Promise<T> {
    const over = new Promise<never>((_, reject) => {
      this.timer = setTimeout(
        () => {
          const error = new HandlingAbortedError('handler_timeout');
          reject(error); // before the abort, whose listeners may end the work with an error of their own
          this.controller.abort(error);
        },
        Math.min(this.limits.timeout, LONGEST_DELAY),
      );
    });
    return Promise.race([work(), over]);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    this.limits.owner.removeEventListener('abort', this.passOn);
    this.limits.deadline.dispose();
  }

  private readonly passOn = ({ target }: { target: EventTarget | null }): void => {
    this.controller.abort((target as AbortSignal).reason);
  };
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

function contextOf(handling: HandlingFacts): HandlerContext {
  return handling.message.payload.kind === 'command'
    ? new CommandContext(handling as HandlingFacts<never>)
    : new EventContext(handling as HandlingFacts<never>);
}
