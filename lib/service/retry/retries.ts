import { Inject, Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import type { MessageEnvelope } from '../../message/cloud-events.codec.js';
import { TIMEOUT_SCHEDULER } from '../../timeout/timeout.constants.js';
import type { TimeoutScheduler } from '../../timeout/timeout.scheduler.js';
import type { Handler } from '../declaration/handler.js';
import { type Arrival, placeOf } from '../dispatch/arrival.js';
import { INTERNAL } from '../handling/thrown.outcome.js';
import { givenUp, type Verdict } from '../handling/verdict.js';
import { type AttemptEnd, ServiceMetrics } from '../service.metrics.js';
import type { Attempted } from './attempt.note.js';
import { type AttemptBook, noteName } from './attempt.book.js';
import { backoffDelay, shortestDelay } from './backoff.delay.js';
import { Later } from './later.js';
import { ProgressWriter } from './progress.writer.js';
import type { RetryPolicy } from './retry.options.js';
import { RetryShelf } from './retry.shelf.js';

/** What one look at a record came to: how it ended, or that it is tried later: here, or, where nothing is said, elsewhere. */
export type Turn = { readonly verdict: Verdict; readonly arrival: Arrival } | { readonly later: Later | undefined };

/** Calls the method once, with all that stands around a call, such as the inbox. */
export type Try = (arrival: Arrival, attempt: (call: () => Promise<Verdict>) => Promise<Verdict>) => Promise<Verdict>;

/** A handler's policy for one record, and how far it is with it. */
interface Course {
  readonly handler: Handler;
  readonly arrival: Arrival;
  readonly policy: RetryPolicy;
  readonly book: AttemptBook;
  /** The attempt that is made now. */
  readonly attempt: number;
}

/** Decides how often, and when, a handler is called for a record. */
@Injectable()
export class Retries {
  private readonly logger = new Logger('KafkaSocketService');

  constructor(
    private readonly shelf: RetryShelf,
    private readonly progress: ProgressWriter,
    private readonly metrics: ServiceMetrics,
    @Inject(TIMEOUT_SCHEDULER) private readonly scheduler: Pick<TimeoutScheduler, 'now' | 'clockSkew'>,
  ) {}

  /** How long a record rests; undefined where its next attempt is due, or there is something else to do with it. */
  rest(handler: Handler, { book }: Arrival): Later | undefined {
    const made = book?.find(noteName(handler));
    if (!book || !made || made.due <= this.scheduler.now()) return undefined;
    return isResting(handler, book, made) ? new Later(made.due, [handler]) : undefined;
  }

  /**
   * Makes the next attempt of a record that does not {@link rest}.
   * @throws where the record stopped being ours before that is known
   */
  async turn(handler: Handler, arrival: Arrival, once: Try): Promise<Turn> {
    const { retry: policy } = handler;
    const { book } = arrival;
    const made = book?.find(noteName(handler));
    if (!policy || !book) {
      const seen = tried(arrival, (made?.attempts ?? 0) + 1);
      return { verdict: await once(seen, (call) => call()), arrival: seen };
    }
    const spent = made !== undefined && made.attempts >= policy.attempts;
    if (made && !spent && isToMove(policy, book, made))
      return this.move({ handler, arrival, policy, book, attempt: made.attempts }, made);
    const attempt = (made?.attempts ?? 0) + (spent ? 0 : 1);
    const course = { handler, arrival: tried(arrival, attempt), policy, book, attempt };
    return spent ? this.exhausted(course, once) : this.attempt(course, once, made !== undefined);
  }

  /** The record as the last attempt that is noted saw it. */
  lastSeen(handler: Handler, arrival: Arrival): Arrival {
    return tried(arrival, arrival.book?.find(noteName(handler))?.attempts ?? 1);
  }

  private async attempt(course: Course, once: Try, isRetry: boolean): Promise<Turn> {
    const { arrival, book } = course;
    // Before it begins: what kills its process must have been counted.
    if (isRetry || book.mayHaveBegun) await this.note(course);
    arrival.signal.throwIfAborted();
    const verdict = await once(arrival, async (call) => this.counted(course, this.judge(course, await call())));
    return verdict.again ? this.again(course, verdict) : { verdict, arrival };
  }

  /** Only what was called here: not what was too late, lost meanwhile, or found in an inbox. */
  private counted({ handler, arrival, policy }: Course, verdict: Verdict): Verdict {
    const end: AttemptEnd = verdict.again ? 'retried' : (verdict.retryEnd ?? 'ended');
    if (!verdict.uncalled && !arrival.signal.aborted) this.metrics.attempted(handler.label, policy.order, end);
    return verdict;
  }

  /** It was begun as often as it may be, and the last time ended neither well nor badly: its process did. */
  private async exhausted(course: Course, once: Try): Promise<Turn> {
    const { handler, arrival, attempt } = course;
    const verdict = await once(arrival, () => {
      this.logger.error(
        `${handler.label} is given up after ${attempt} attempts, the last cut off: ${placeOf(arrival)}`,
      );
      this.metrics.attempted(handler.label, course.policy.order, 'exhausted');
      return Promise.resolve(givenUp(INTERNAL, 'failed', new Error('The process ended during the last attempt.')));
    });
    return { verdict, arrival };
  }

  /** Whether a verdict is the last one. */
  private judge({ policy, attempt, arrival, handler }: Course, verdict: Verdict): Verdict {
    if (verdict.outcome.status === 'success') return { ...verdict, retryEnd: 'succeeded' };
    // Whoever has the record now counts the attempt as it was noted.
    if (verdict.reason !== 'failed' || verdict.outcome.status !== 'failed' || arrival.signal.aborted) return verdict;
    if (!this.isWorthIt(policy, handler, verdict.error)) return verdict;
    if (attempt >= policy.attempts) return { ...verdict, retryEnd: 'exhausted' };
    const due = this.scheduler.now() + backoffDelay(policy.backoff, attempt);
    return this.isInTime(arrival, due)
      ? { ...verdict, again: { attempts: attempt, due } }
      : { ...verdict, retryEnd: 'deadline' };
  }

  private isWorthIt({ on }: RetryPolicy, { label }: Handler, error: unknown): boolean {
    try {
      return on(error);
    } catch (fault) {
      this.logger.error(
        `The function "on" of the @Retry of ${label} threw, so nothing is tried again: ${messageOf(fault)}`,
      );
      return false;
    }
  }

  /** An attempt that would begin behind the deadline would not begin: the client is told now how the last one ended. */
  private isInTime({ envelope: { type, breadCrumbs } }: Arrival, due: number): boolean {
    if (type.kind !== 'command' || breadCrumbs.deadline === undefined) return true;
    return due <= breadCrumbs.deadline + this.scheduler.clockSkew;
  }

  private async again(course: Course, verdict: Verdict): Promise<Turn> {
    const { handler, arrival, policy, book } = course;
    const { again } = verdict;
    // Before the pause, and before the record is moved: what was noted is never tried again as the same attempt.
    await book.note(noteName(handler), again!);
    arrival.signal.throwIfAborted();
    await this.progress.write(handler, arrival, policy.attempts, again!.due - this.scheduler.now());
    if (policy.order === 'in-order') return { later: new Later(again!.due, [handler]) };
    return this.move(course, again!, verdict);
  }

  private async move(
    { handler, arrival, policy, book }: Course,
    made: Attempted,
    verdict: Verdict = givenUp(INTERNAL, 'failed', new Error('It failed, and its next attempt was not written.')),
  ): Promise<Turn> {
    const nominal = shortestDelay(policy.backoff, made.attempts);
    try {
      await this.shelf.put(handler, arrival, made, nominal);
      book.move();
      return { later: undefined };
    } catch (error) {
      arrival.signal.throwIfAborted();
      this.logger.error(`${handler.label} cannot be tried again: ${placeOf(arrival)}: ${messageOf(error)}`);
      return { verdict: { ...verdict, again: undefined }, arrival: tried(arrival, made.attempts) };
    }
  }

  /** Counts an attempt that begins, as if it failed at once: should its process end, the next one is not too early. */
  private async note({ handler, policy, book, attempt }: Course): Promise<void> {
    const due = this.scheduler.now() + backoffDelay(policy.backoff, attempt);
    await book.note(noteName(handler), { attempts: attempt, due });
  }
}

/** Whether a record waits here for an attempt that was noted. */
function isResting({ retry: policy }: Handler, book: AttemptBook, made: Attempted): boolean {
  return policy !== undefined && made.attempts < policy.attempts && !isToMove(policy, book, made);
}

/** Whether it was tried here, and is tried again elsewhere. */
function isToMove({ order }: RetryPolicy, book: AttemptBook, made: Attempted): boolean {
  return order === 'out-of-order' && made.attempts > book.before;
}

/** The record as its handler sees it at an attempt. */
function tried(arrival: Arrival, attempt: number): Arrival {
  if (attempt === 1) return arrival;
  const { breadCrumbs } = arrival.envelope;
  return {
    ...arrival,
    envelope: { ...arrival.envelope, breadCrumbs: { ...breadCrumbs, attempt: breadCrumbs.attempt - 1 + attempt } },
  };
}

/** How often a record was tried that is given up now. */
export function attemptsMade({ breadCrumbs: { attempt } }: MessageEnvelope, { uncalled }: Verdict): number {
  return uncalled ? Math.max(1, attempt - 1) : attempt;
}
