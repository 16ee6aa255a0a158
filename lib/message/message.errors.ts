import { KafkaSocketError } from '../kafka-socket.error.js';

/** A record that does not follow the CloudEvents Kafka binding as this package uses it, or a message that cannot be written so. */
export class MalformedMessageError extends KafkaSocketError {
  readonly code = 'message_malformed';
}

/** A payload that JSON cannot carry: a cycle, a BigInt, or a `toJSON` that throws. */
export class UnserializablePayloadError extends KafkaSocketError {
  readonly code = 'payload_unserializable';
}
