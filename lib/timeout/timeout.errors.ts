import { KafkaSocketError } from '../kafka-socket.error.js';

/** Redis did not answer in time, or too many time-outs are armed already. */
export class TimeoutsUnavailableError extends KafkaSocketError {
  readonly code = 'timeouts_unavailable';
}

/** The reason that a command's `AbortSignal` carries once its deadline has passed. */
export class DeadlinePassedError extends KafkaSocketError {
  readonly code = 'deadline_passed';
}
