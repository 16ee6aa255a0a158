import type { Effect } from './effect.js';
import type { Answer } from './outcome.check.js';
import type { Violations } from './violation.js';
import type { Place, WrittenLog } from './written.log.js';

/** The event that a command publishes, by the command; what has none is followed by a step, or by nothing. */
const PUBLISHED: Readonly<Record<string, string>> = {
  Quick: 'Quicker.Done',
  Slow: 'Slower.Done',
  Step: 'Stepper.Done',
};

/** What none of whose runs may have an effect: it is taken back. */
const UNDONE: readonly string[] = ['Fail', 'Reject'];

/**
 * With an inbox that keeps effect and completion in one step: no effect twice (G7.5), none without an order of its key's (G3.4), each
 * answer of the log has its effect, told or not, each effect its events (G7.4), and each record its handler (G3.2).
 * @param answers all answers `success` of the log
 */
export function checkEffects(
  log: WrittenLog,
  effects: readonly Effect[],
  answers: readonly Answer[],
  violations: Violations,
): void {
  const done = new Map<string, Effect>();
  for (const effect of effects) {
    const name = nameOf(effect);
    if (done.has(name)) violations.add('double', `${name} took effect twice: ${done.get(name)!.run}, ${effect.run}`);
    done.set(name, effect);
    if (UNDONE.includes(effect.what)) violations.add('false', `${name} took effect, though it threw`);
  }
  checkAnswers(effects, answers, violations);
  checkFollowers(log, effects, violations);
  checkHandled(log, done, violations);
  checkOrder(log, effects, violations);
}

/** What must have one effect: a client's command by its number, whatever message it comes as; all else by its message. */
function nameOf({ what, n, message }: Effect): string {
  return what === 'seen' || what === 'Step' ? `${what} ${message}` : `${what} ${n}`;
}

function checkAnswers(effects: readonly Effect[], answers: readonly Answer[], violations: Violations): void {
  const runs = new Set(effects.map(({ run }) => run));
  for (const { n, run } of answers) {
    if (run === undefined || !runs.has(run))
      violations.add('lost', `request ${n} succeeded by run ${run}, which has left no effect`);
  }
}

/** Each effect that publishes has its message in the log, and no two that differ. */
function checkFollowers(log: WrittenLog, effects: readonly Effect[], violations: Violations): void {
  const published = new Map<string, Set<string>>();
  const note = (name: string, id: string): void => void published.set(name, (published.get(name) ?? new Set()).add(id));
  for (const events of log.events.values()) for (const { type, n, id } of events) note(`${type} ${n}`, id);
  for (const { n, id } of log.steps) note(`Step ${n}`, id);
  for (const { what, n, run } of effects) {
    const follower = what === 'Nest' ? 'Step' : PUBLISHED[what];
    if (follower === undefined) continue;
    const ids = published.get(`${follower} ${n}`)?.size ?? 0;
    if (ids === 0) violations.add('lost', `${what} ${n} took effect (${run}), and ${follower} of it is not in the log`);
    if (ids > 1) violations.add('double', `${what} ${n} has published ${follower} under ${ids} ids`);
  }
}

/** Events and the commands of services have no deadline: each is handled. */
function checkHandled(log: WrittenLog, done: ReadonlyMap<string, Effect>, violations: Violations): void {
  const handled = (name: string, what: string, { partition, offset }: Place): void => {
    if (!done.has(name)) violations.add('lost', `${what} at ${partition}@${offset} was never handled`);
  };
  for (const events of log.events.values())
    for (const event of events) handled(`seen ${event.id}`, `event ${event.type} ${event.n}`, event);
  for (const step of log.steps) handled(`Step ${step.id}`, `step ${step.n}`, step);
}

/** What was done for a key was done in the order of its partition, of commands and of events. */
function checkOrder(log: WrittenLog, effects: readonly Effect[], violations: Violations): void {
  const keys = keysByPlace(log);
  const last = new Map<string, Effect>();
  for (const effect of effects) {
    const key = keys.get(`${effect.partition}@${effect.offset}`);
    if (key === undefined) continue;
    const lane = `${key} ${effect.partition}`;
    const before = last.get(lane);
    if (before && effect.offset < before.offset)
      violations.add(
        'disorder',
        `${nameOf(effect)} took effect after ${nameOf(before)}, which stands behind it (key ${key})`,
      );
    last.set(lane, effect);
  }
}

function keysByPlace(log: WrittenLog): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  const note = ({ partition, offset, key }: Place & { readonly key: string }): void =>
    void keys.set(`${partition}@${offset}`, key);
  for (const commands of log.commands.values()) commands.forEach(note);
  for (const events of log.events.values()) events.forEach(note);
  for (const step of log.steps) note(step);
  return keys;
}
