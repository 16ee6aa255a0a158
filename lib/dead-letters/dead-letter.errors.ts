import { KafkaSocketError } from '../kafka-socket.error.js';

/** A dead letter that is not sent back. */
export class DeadLetterRefusedError extends KafkaSocketError {
  readonly code = 'dead_letter_refused';
}

/** A dead letter was sent back, and nothing in the dead-letter topic says so. */
export class DeadLetterNotNotedError extends KafkaSocketError {
  readonly code = 'dead_letter_not_noted';
}
