import { KafkaSocketError } from '../kafka-socket.error.js';

/** What a test waited for did not come in time. */
export class NothingCameError extends KafkaSocketError {
  readonly code = 'nothing_came';
}
