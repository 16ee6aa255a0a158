import type { MethodDeclaration, RetryDeclaration } from '../declaration/method.declaration.js';

const OPTIONS = ['attempts', 'backoff', 'order', 'on'];
const PAUSES = ['first', 'factor', 'maximum', 'jitter'];
/** A pause that is longer is no retry: Node's timers and most topics' retention end before it. */
const LONGEST = 7 * 24 * 3_600_000;

/** What is wrong with a method's `@Retry`, each with the fix. */
export function retryProblems(label: string, { retries, commands, events }: MethodDeclaration): string[] {
  if (retries.length === 0) return [];
  const problems = retries.flatMap(valueProblems).map((problem) => `${label}: @Retry ${problem}`);
  if (retries.length > 1) problems.push(`${label} has @Retry ${retries.length} times. Remove all but one.`);
  if (commands.length + events.length === 0) {
    problems.push(
      `${label} has @Retry, but handles no message, so there is nothing to try again. Add @CommandHandler or @EventHandler.`,
    );
  }
  return problems;
}

function valueProblems({ policy, given }: RetryDeclaration): string[] {
  const { attempts, backoff, order, on } = policy;
  const { first, factor, maximum, jitter } = backoff;
  return [
    ...unknown('', given, OPTIONS),
    ...unknown('backoff.', given.backoff ?? {}, PAUSES),
    ...unless(isWhole(attempts, 2, 100), 'attempts', attempts, 'a whole number from 2 to 100'),
    ...unless(isWhole(first, 1, LONGEST), 'backoff.first', first, 'whole milliseconds, 1 to a week'),
    ...unless(isWhole(maximum, 1, LONGEST), 'backoff.maximum', maximum, 'whole milliseconds, 1 to a week'),
    ...unless(first <= maximum, 'backoff.first', first, `not above backoff.maximum (${maximum})`),
    ...unless(factor >= 1 && factor <= 100, 'backoff.factor', factor, 'a number from 1 to 100'),
    ...unless(jitter >= 0 && jitter <= 1, 'backoff.jitter', jitter, 'a number from 0 to 1'),
    ...unless(order === 'in-order' || order === 'out-of-order', 'order', order, "'in-order' or 'out-of-order'"),
    ...unless(typeof on === 'function', 'on', on, 'a function that takes the error and returns whether to try again'),
  ];
}

function unknown(path: string, given: object, known: readonly string[]): string[] {
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => `has no option "${path}${name}". There are: ${known.join(', ')}.`);
}

function unless(isRight: boolean, name: string, value: unknown, rule: string): string[] {
  return isRight ? [] : [`was given ${name}: ${JSON.stringify(value) ?? String(value)}. It is ${rule}.`];
}

function isWhole(value: number, from: number, to: number): boolean {
  return Number.isInteger(value) && value >= from && value <= to;
}
