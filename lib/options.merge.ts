/** What a user may write for a class of options: any part of it, at any depth. */
export type Given<T> = {
  readonly [K in keyof T]?: T[K] extends OptionValue ? T[K] : Given<T[K]> | Extract<T[K], OptionValue>;
};

// What is taken as it is. All else is a class of options, which is filled in.
type OptionValue =
  | string
  | number
  | boolean
  | undefined
  | readonly unknown[]
  | ((...args: never[]) => unknown)
  | Readonly<Record<string, 'data' | 'metadata'>>;

/** Options that may be 0 or less; every other number is at least 1. */
const MINIMA: Readonly<Record<string, number>> = {
  db: 0,
  grace: 0,
  goodbyeWindow: 0,
  flushWindow: 0,
  clockSkew: 0,
  replicationFactor: -1,
  replay: 0,
  proxies: 0,
};

/** What has no default to be told from. */
const LISTS = new Set(['origins', 'include']);
/** Lists that hold other things than texts. */
const LISTS_OF_PARTS = new Set(['include', 'guards']);
const HOOKS = new Set(['admit', 'authenticate', 'authorize']);
/** Yes or no, and nothing beside it: `'false'` out of an environment variable would be yes. */
const TRUTHS = new Set(['follow']);
/** Options that `false` switches off. */
const SWITCHES = new Set(['createTopics']);

/**
 * Lays what a user wrote over the defaults, which it changes and returns. An explicit `undefined` does not erase a default.
 * @param path where the options stand, for messages
 * @param problems takes one sentence for each unknown key and each value of the wrong kind
 */
export function mergeOptions<T extends object>(defaults: T, given: Given<T>, path: string, problems: string[]): T {
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const where = `${path}.${key}`;
    if (!Object.hasOwn(defaults, key)) {
      problems.push(`"${where}" is not an option. There are: ${Object.keys(defaults).join(', ')}.`);
      continue;
    }
    const target = defaults as Record<string, unknown>;
    const current = target[key];
    if (isOptions(current) && value !== false) mergeNested(current, value, where, problems);
    else if (fits(current, value, key, where, problems)) target[key] = value;
  }
  return defaults;
}

function mergeNested(current: object, value: unknown, where: string, problems: string[]): void {
  if (isObject(value)) mergeOptions(current, value, where, problems);
  else problems.push(`"${where}" is no object of options. There are: ${Object.keys(current).join(', ')}.`);
}

/** An instance of a class of options, in contrast to a plain object, which is one value. */
function isOptions(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.getPrototypeOf(value) !== Object.prototype
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fits(current: unknown, value: unknown, key: string, where: string, problems: string[]): boolean {
  if (typeof current === 'number') return isNumberFrom(MINIMA[key] ?? 1, value, where, problems);
  if (typeof current === 'string' && typeof value !== 'string') return refuse(`"${where}" is not a text.`, problems);
  if (TRUTHS.has(key) && typeof value !== 'boolean') return refuse(`"${where}" is neither true nor false.`, problems);
  if (Array.isArray(current) || LISTS.has(key)) return isListOfTexts(value, key, where, problems);
  if (HOOKS.has(key) && typeof value !== 'function') return refuse(`"${where}" is not a function.`, problems);
  if (isOptions(current) && !SWITCHES.has(key)) return refuse(`"${where}" cannot be switched off.`, problems);
  if (isObject(current) && !isOptions(current) && !isObject(value))
    return refuse(`"${where}" is not an object.`, problems);
  return true;
}

function isListOfTexts(value: unknown, key: string, where: string, problems: string[]): boolean {
  if (!Array.isArray(value)) return refuse(`"${where}" is not a list.`, problems);
  if (LISTS_OF_PARTS.has(key) || value.every((one) => typeof one === 'string')) return true;
  return refuse(`"${where}" holds something else than texts.`, problems);
}

function isNumberFrom(minimum: number, value: unknown, where: string, problems: string[]): boolean {
  if (typeof value === 'number' && Number.isFinite(value) && value >= minimum) return true;
  return refuse(
    `"${where}" is ${typeof value === 'number' ? value : typeof value}; it is a number from ${minimum} up.`,
    problems,
  );
}

function refuse(problem: string, problems: string[]): false {
  problems.push(problem);
  return false;
}
