import { KafkaSocketError, type KafkaSocketErrorOptions } from '../kafka-socket.error.js';
import type { ErrorCode } from '../protocol/error-codes.js';

/** Something that a client is told in an `error` frame. Its message goes out as it is: no payload, no secret. */
export abstract class ClientFacingError extends KafkaSocketError {
  abstract override readonly code: ErrorCode;

  constructor(
    message: string,
    {
      details,
      frameId,
      ...options
    }: KafkaSocketErrorOptions & { details?: Readonly<Record<string, string>>; frameId?: string } = {},
  ) {
    super(message, options);
    this.details = details;
    this.frameId = frameId;
  }

  /** The id of the frame that it is about, where that could be read and the frame could not. */
  readonly frameId: string | undefined;

  /** What programs read beside the code, such as the channel that was refused. */
  readonly details: Readonly<Record<string, string>> | undefined;
}

/** A frame that is not as the protocol says. */
export class BadFrameError extends ClientFacingError {
  readonly code = 'bad_frame';
}

/** Something that this client may not do. */
export class ForbiddenError extends ClientFacingError {
  readonly code = 'forbidden';
}

/** The same request again, with another topic, command, key or payload. */
export class ConflictError extends ClientFacingError {
  readonly code = 'conflict';
}

/** The request never went to a broker, so nothing will come of it; a new try may work. */
export class UnavailableError extends ClientFacingError {
  readonly code = 'unavailable';
}

/** The request may be in the log: its outcome comes, or does not, and nobody knows yet. Settles nothing. */
export class PendingError extends ClientFacingError {
  readonly code = 'pending';
}

/** A request that is too old to be sent, and that the log knows nothing of. */
export class UnknownOutcomeError extends ClientFacingError {
  readonly code = 'unknown';
}

/** More frames than a client may send. */
export class RateError extends ClientFacingError {
  readonly code = 'rate';
}

/** A frame or a record that is larger than allowed. */
export class TooLargeError extends ClientFacingError {
  readonly code = 'too_large';
}

/** Part of the protocol that this version does not offer. */
export class UnsupportedError extends ClientFacingError {
  readonly code = 'unsupported';
}

/** Something went wrong here, and the log says more to whoever runs it. */
export class InternalError extends ClientFacingError {
  readonly code = 'internal';
}

/** The application is put together in a way in which the gateway cannot work. Stops the start. */
export class GatewaySetupError extends KafkaSocketError {
  readonly code = 'gateway_setup';
}

/** A hook of the application, or a guard, that did not answer in time. */
export class HookTimeoutError extends KafkaSocketError {
  readonly code = 'hook_timeout';

  constructor(hook: string, limit: number) {
    super(
      `${hook} did not answer within ${limit} ms (gateway.hookTimeout), so the answer was no. Make it faster, or wait longer.`,
      {
        temporary: true,
      },
    );
  }
}

/**
 * What kind of thing a hook of the application threw, and its stable code where it has one. Its message stays out of the log: it may
 * quote what the hook was shown, a token, a cookie, or claims.
 */
export function kindOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `something that is no Error (${typeof thrown})`;
  const { code } = thrown as { code?: unknown };
  return typeof code === 'string' ? `${thrown.name} (${code})` : thrown.name;
}
