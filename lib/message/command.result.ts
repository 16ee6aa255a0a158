import type { Outcome } from '../protocol/outcome.js';

/** The answer to a command. It ends the request only where its bread crumbs say so. */
export interface CommandResult<T = unknown> {
  readonly kind: 'result';
  /** Name of the command that it answers. */
  readonly name: string;
  readonly data: Outcome<T>;
}
