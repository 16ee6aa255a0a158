import type { ValidationError } from 'class-validator';
import type { InvalidProperty } from '../../protocol/outcome.js';

/** What is wrong with a payload. */
export interface Invalid {
  readonly problems: readonly InvalidProperty[];
}

/** A payload as its class wants it, or what is wrong with it. */
export type Validated = { readonly data: object; readonly problems?: undefined } | Invalid;

/** What a class makes no instance of. */
export const UNMADE = { problems: [{ path: '', constraints: ['the payload does not have the expected form'] }] };

/** What class-validator found, a line for each property: `lines.0.amount`. */
export function problemsOf(errors: readonly ValidationError[], parent = ''): InvalidProperty[] {
  return errors.flatMap(({ property, constraints, children }) => {
    const path = [parent, property].filter(Boolean).join('.'); // a value as a whole has no property
    const own = constraints ? [{ path, constraints: Object.values(constraints) }] : [];
    return [...own, ...problemsOf(children ?? [], path)];
  });
}
