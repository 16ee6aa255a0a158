/** What an error of this package says about itself beside its message. */
export interface KafkaSocketErrorOptions {
  /** What it was caused by, kept for logs. */
  cause?: unknown;
  /** Whether the same call may succeed later without anything being changed. */
  temporary?: boolean;
}

/**
 * The base of every error that this package throws. `code` is stable across releases and is what programs should
 * compare; the message says what happened, why, and what to do.
 */
export abstract class KafkaSocketError extends Error {
  /** Stable name of the problem, such as `log_unavailable`. */
  abstract readonly code: string;
  /** Whether the same call may succeed later without anything being changed. */
  readonly temporary: boolean;

  constructor(message: string, { cause, temporary = false }: KafkaSocketErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.temporary = temporary;
  }
}

/** What was thrown, for people who look for its kind: the code or the class, and the message. Never throws, whatever it is. */
export function descriptionOf(thrown: unknown): string {
  if (thrown instanceof KafkaSocketError) return `${thrown.code}: ${thrown.message}`;
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : messageOf(thrown);
}

/** The text of anything that was thrown: a message where there is one. Never throws, whatever it is. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  try {
    return String(thrown);
  } catch {
    return 'something without a text of its own'; // such as Object.create(null)
  }
}
