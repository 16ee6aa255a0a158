import { KafkaSocketError } from '../kafka-socket.error.js';

/** A class that says nowhere which topic its messages belong to. */
export class UnaddressedClassError extends KafkaSocketError {
  readonly code = 'class_unaddressed';
}

/** A class that generic commands cannot be bound to: its topic or its name is missing, or is none. */
export class InvalidEntityError extends KafkaSocketError {
  readonly code = 'entity_invalid';
}
