/** How a command can end. `timeout` is the one status that no handler produces. */
export type OutcomeStatus = Outcome['status'];

/** One property that did not pass validation. */
export interface InvalidProperty {
  /** Property path, such as `lines.0.amount`. */
  readonly path: string;
  /** The constraints that it missed, one sentence each. */
  readonly constraints: readonly string[];
}

/** What a client reads when it opens a sealed result. This is also the value of a result's record. */
export type Outcome<T = unknown> =
  | { readonly status: 'success'; readonly value?: T }
  | {
      readonly status: 'invalid';
      readonly errors: readonly InvalidProperty[];
      readonly message?: string;
      readonly code?: string;
    }
  | {
      readonly status: 'rejected' | 'failed' | 'timeout';
      readonly message?: string;
      readonly code?: string;
      /** What a service adds to its no for programs, such as the version that there is now. */
      readonly value?: unknown;
    };

/** Whether a value read from a record is an outcome that a client can be given. */
export function isOutcome(value: unknown): value is Outcome {
  if (typeof value !== 'object' || value === null) return false;
  const { status, errors } = value as { status?: unknown; errors?: unknown };
  if (status === 'invalid') return Array.isArray(errors);
  return status === 'success' || status === 'rejected' || status === 'failed' || status === 'timeout';
}
