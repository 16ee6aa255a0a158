import type { Outcome } from '../../protocol/outcome.js';
import type { HeldRecord } from '../publishing/held.record.js';
import type { Reply } from '../inbox/outbox.js';
import type { Attempted } from '../retry/attempt.note.js';
import type { DeadLetterReason } from '../../message/dead-letter.headers.js';
import type { DeadLetterRemarks } from '../publishing/dead-letter.js';
import type { Arrival } from '../dispatch/arrival.js';
import type { HandlerEnd } from '../service.metrics.js';

/** What came of one message in the hands of one method. */
export interface Verdict {
  readonly outcome: Outcome;
  /** Id of the result's message, where that is kept; else a new one. */
  readonly resultId?: string;
  /** Answers that were held back until the method had ended. */
  readonly replies?: readonly Reply[];
  /** Events and commands to publish, ready for the log. */
  readonly events: readonly HeldRecord[];
  /** What lies behind an outcome that is no success; for the log and the dead letter, never for the client. */
  readonly error?: unknown;
  /** Why the record is given up, where it is. */
  readonly reason?: DeadLetterReason;
  /** It is not the last word: the handler is called again. Then nothing else of it is told to anybody. */
  readonly again?: Attempted | undefined;
  /** How the last of several attempts ended, where the handler may be called several times. */
  readonly retryEnd?: 'succeeded' | 'exhausted' | 'deadline';
  /** The handler was not called: it was too late for that. */
  readonly uncalled?: boolean;
}

/** A verdict other than success. */
export function givenUp(outcome: Outcome, reason?: DeadLetterReason, error?: unknown): Verdict {
  return { outcome, events: [], reason, error };
}

/** How a handling ended, as metrics and spans say it. */
export function endOf({ signal }: Pick<Arrival, 'signal'>, { outcome }: Verdict): HandlerEnd {
  return signal.aborted ? 'interrupted' : outcome.status;
}

/**
 * Why a record is given up: by its verdict, or because the log refused what follows from it. One dead letter says it, however much
 * was refused, and its effects stand: another reason than that of a handler which failed.
 */
export function whyGivenUp(
  { reason, error }: Pick<Verdict, 'reason' | 'error'>,
  refused: readonly unknown[],
): Pick<DeadLetterRemarks, 'reason' | 'error'> | undefined {
  if (reason !== undefined) return { reason, error };
  return refused.length > 0 ? { reason: 'undeliverable', error: refused[0] } : undefined;
}
