import { KafkaSocketError } from '../../kafka-socket.error.js';

/** The inbox cannot be reached, so nobody knows whether a message was handled before. Always temporary. */
export class InboxUnavailableError extends KafkaSocketError {
  readonly code = 'inbox_unavailable';

  constructor(message: string, cause?: unknown) {
    super(message, { cause, temporary: true });
  }
}

/** The option `handlers.inbox.store` names what is no inbox. */
export class InvalidInboxError extends KafkaSocketError {
  readonly code = 'inbox_invalid';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}
