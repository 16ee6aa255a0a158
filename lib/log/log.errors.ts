import { KafkaSocketError, type KafkaSocketErrorOptions } from '../kafka-socket.error.js';

/** The log cannot be reached now. Always temporary. */
export class LogUnavailableError extends KafkaSocketError {
  readonly code = 'log_unavailable';

  /**
   * @param sent whether the record may be in the log all the same: it went to a broker's socket and no answer came. Where
   * this is false nothing was written and nothing will be.
   */
  constructor(
    message: string,
    readonly sent: boolean,
    options: Omit<KafkaSocketErrorOptions, 'temporary'> = {},
  ) {
    super(message, { ...options, temporary: true });
  }
}

/** Topics that do not exist, where the options forbid to create them. */
export class MissingTopicsError extends KafkaSocketError {
  readonly code = 'topics_missing';
}

/** A record that the log will never take. */
export class RecordRefusedError extends KafkaSocketError {
  readonly code = 'record_refused';
}

/** Whether a record whose publication failed so may stand in the log all the same. */
export function mayBeInTheLog(error: unknown): boolean {
  if (error instanceof RecordRefusedError || error instanceof MissingTopicsError) return false;
  return !(error instanceof LogUnavailableError) || error.sent;
}
