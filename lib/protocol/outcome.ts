/** How a command can end. `timeout` is the one status that no handler produces. */
export type OutcomeStatus = Outcome['status'];

/** One property that did not pass validation. */
export interface InvalidProperty {
  /** Property path, such as `lines.0.amount`. */
  readonly path: string;
  /** The constraints that it missed, one sentence each. */
  readonly constraints: readonly string[];
}

/** What a client reads when it opens a sealed result. */
export type Outcome<T = unknown> =
  | { readonly status: 'success'; readonly value?: T }
  | {
      readonly status: 'invalid';
      readonly errors: readonly InvalidProperty[];
      readonly message?: string;
      readonly code?: string;
    }
  | { readonly status: 'rejected' | 'failed' | 'timeout'; readonly message?: string; readonly code?: string };
