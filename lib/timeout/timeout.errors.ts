import { KafkaSocketError } from '../kafka-socket.error.js';

/** Redis did not answer in time, or too many time-outs are armed already. */
export class TimeoutsUnavailableError extends KafkaSocketError {
  readonly code = 'timeouts_unavailable';
}
