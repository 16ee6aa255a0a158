import { KafkaSocketError, type KafkaSocketErrorOptions } from '../kafka-socket.error.js';

/** Redis did not answer in time, or too many time-outs or delayed commands wait already. Always temporary. */
export class TimeoutsUnavailableError extends KafkaSocketError {
  readonly code = 'timeouts_unavailable';

  /** @param sent whether it may be armed, or scheduled, all the same: it went to Redis, and no answer came */
  constructor(
    message: string,
    readonly sent: boolean,
    options: Omit<KafkaSocketErrorOptions, 'temporary'> = {},
  ) {
    super(message, { ...options, temporary: true });
  }
}

/** A command never reached the log, but its time-out may: what ends the request is read there. Always temporary. */
export class TimeoutStillArmedError extends KafkaSocketError {
  readonly code = 'timeout_still_armed';

  constructor(message: string, options: Omit<KafkaSocketErrorOptions, 'temporary'> = {}) {
    super(message, { ...options, temporary: true });
  }
}

/** A delayed command that can never be scheduled as it was asked for: its time, its size, or its id. */
export class DelayRefusedError extends KafkaSocketError {
  readonly code = 'delay_refused';
}

/** The reason that a command's `AbortSignal` carries once its deadline has passed. */
export class DeadlinePassedError extends KafkaSocketError {
  readonly code = 'deadline_passed';
}
