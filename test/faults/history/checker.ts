import { DeliveryCheck } from './delivery.check.js';
import type { Effect } from './effect.js';
import { checkEffects } from './effect.check.js';
import type { Entry } from './entry.js';
import { OutcomeCheck } from './outcome.check.js';
import { type Span, StandstillWatch } from './standstill.watch.js';
import { type Violation, type ViolationKind, Violations } from './violation.js';
import type { WrittenLog } from './written.log.js';

/** What a run left behind. */
export interface Evidence {
  readonly history: AsyncIterable<Entry> | Iterable<Entry>;
  readonly log: WrittenLog;
  readonly effects: readonly Effect[];
  /** Whether partitions were added to the topic meanwhile. @default false */
  readonly widened?: boolean;
  /** Stretches of time of which it is asked how long things stood still in them. */
  readonly spans?: readonly Span[];
}

/** What a run was, and what was wrong with it. */
export interface Verdict {
  readonly requests: number;
  /** What clients were told, by status. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Requests with both an answer and a time-out in the log. */
  readonly contested: number;
  /** Records of events in the log. */
  readonly events: number;
  /** Events that were told to clients. */
  readonly deliveries: number;
  /** How often a client was told that not all that it missed could be had. */
  readonly incomplete: number;
  /** How often a client lost or left a socket. */
  readonly reconnects: number;
  readonly effects: number;
  /** By span, the longest time for which no command of some partition succeeded, in milliseconds. */
  readonly standstills: readonly number[];
  readonly counts: Readonly<Record<ViolationKind, number>>;
  /** The first ones of each kind, in words. */
  readonly violations: readonly Violation[];
}

/**
 * Holds all that clients were told, and all that handlers did, against the log. Runs after a run, and touches nothing.
 * @param violations what is known already
 */
export async function check(
  { history, log, effects, widened = false, spans = [] }: Evidence,
  violations = new Violations(),
): Promise<Verdict> {
  const outcomes = new OutcomeCheck(log, violations, widened);
  const deliveries = new DeliveryCheck(log, violations);
  const standstills = new StandstillWatch();
  for await (const entry of history) {
    if (entry.what === 'wrong') violations.add(kindOf(entry.code), `client ${entry.client}: ${entry.message}`);
    outcomes.take(entry);
    deliveries.take(entry);
    standstills.take(entry);
  }
  outcomes.end();
  deliveries.end();
  checkEffects(log, effects, outcomes.answers, violations);
  return {
    ...outcomes.summary,
    ...deliveries.summary,
    effects: effects.length,
    standstills: spans.map((span) => standstills.longest(span)),
    counts: violations.counts,
    violations: violations.first,
  };
}

function kindOf(code: string): ViolationKind {
  return code === 'wire_order' ? 'disorder' : 'false';
}
