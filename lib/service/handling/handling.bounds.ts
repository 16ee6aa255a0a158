import { setMaxListeners } from 'node:events';
import type { Deadline } from '../../timeout/deadline.js';
import { HandlingAbortedError } from '../service.errors.js';

/** Node fires a longer delay at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** What ends a handling early. */
export interface HandlingLimits {
  /** Passed over to the handler as its signal; one that never passes for events. */
  readonly deadline: Deadline;
  /** Milliseconds that the handler may run, the validation of its payload included. */
  readonly timeout: number;
  /** Aborts when the record's partition is lost, or the application shuts down. */
  readonly owner: AbortSignal;
  /** Aborts when another instance handles the record by now, see `Inbox`. */
  readonly lost?: AbortSignal;
}

/** How long one message may be in the hands of one method, from the first look at its payload on. */
export class HandlingBounds implements Disposable {
  private readonly started = performance.now();
  private timer?: NodeJS.Timeout;
  private controller?: AbortController;
  private trying?: AbortController;
  private over = false;

  constructor(private readonly limits: HandlingLimits) {}

  /** Aborts when there is no use in going on. Made when first asked for: most methods never do, and it costs as much as all else here. */
  get signal(): AbortSignal {
    this.controller ??= this.over ? new AbortController() : this.watch();
    return this.controller.signal;
  }

  /** @throws the signal's reason, where there is no use in going on */
  throwIfOver(): void {
    const { owner, lost, deadline } = this.limits;
    if (this.over || this.controller || owner.aborted || lost?.aborted || deadline.remaining === 0)
      this.signal.throwIfAborted();
  }

  /**
   * Aborts when what is published by the method need not be tried again: with the signal, and when the method has ended. Nobody
   * would ever abort it after that, and a publication that was not waited for would go on for ever.
   */
  get publishing(): AbortSignal {
    if (!this.trying) {
      this.trying = new AbortController();
      setMaxListeners(0, this.trying.signal);
      if (this.over || this.signal.aborted) this.trying.abort();
      else this.signal.addEventListener('abort', () => this.trying!.abort(), { once: true });
    }
    return this.trying.signal;
  }

  /** Milliseconds left. */
  remaining(): number {
    const { deadline, timeout } = this.limits;
    return Math.max(0, Math.min(deadline.remaining, this.started + timeout - performance.now()));
  }

  /**
   * Waits for the handling, no longer than it may take.
   * @throws {HandlingAbortedError} with reason `handler_timeout`; what `work` does after that is nobody's concern
   */
  within<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.timer = setTimeout(() => this.overrun(reject), Math.min(this.limits.timeout, LONGEST_DELAY));
      this.timer.unref(); // a method that is deaf to its signal must not keep a process that shuts down
      void work().then(resolve, reject);
    });
  }

  [Symbol.dispose](): void {
    this.over = true;
    this.trying?.abort();
    clearTimeout(this.timer);
    if (!this.controller) return;
    this.limits.owner.removeEventListener('abort', this.passOn);
    this.limits.deadline.dispose();
  }

  private overrun(reject: (error: Error) => void): void {
    const error = new HandlingAbortedError('handler_timeout');
    reject(error); // before the abort, whose listeners may end the work with an error of their own
    this.controller ??= new AbortController();
    this.controller.abort(error);
  }

  private watch(): AbortController {
    const controller = new AbortController();
    setMaxListeners(0, controller.signal); // one for each call that a handler passes it to
    const { deadline, owner, lost } = this.limits;
    for (const signal of [owner, lost, deadline.at === undefined ? undefined : deadline.signal]) {
      if (!signal) continue;
      if (signal.aborted) controller.abort(signal.reason);
      else signal.addEventListener('abort', this.passOn, { once: true });
    }
    return controller;
  }

  private readonly passOn = ({ target }: { target: EventTarget | null }): void => {
    if (target === this.limits.owner) this.limits.deadline.dispose();
    this.controller!.abort((target as AbortSignal).reason);
  };
}
