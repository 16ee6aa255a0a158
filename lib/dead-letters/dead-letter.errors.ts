import { KafkaSocketError } from '../kafka-socket.error.js';

/** A dead letter that is not sent back. */
export class DeadLetterRefusedError extends KafkaSocketError {
  readonly code = 'dead_letter_refused';
}
