import { KafkaSocketError } from '../kafka-socket.error.js';
import type { ErrorCode } from '../protocol/error-codes.js';
import type { InvalidProperty } from '../protocol/outcome.js';

/**
 * How a command ended that did not succeed. The first four are outcomes that stand in the log, the same for everybody who
 * reads it; the others say why there is none.
 *
 * - `invalid`, `rejected`, `failed`: the service's answer
 * - `timeout`: its time to live was over before there was an answer
 * - `unknown`: it may have been carried out or not; where an outcome comes after all, `onLate` gets it
 * - `unavailable`: it was certainly not carried out; a new try may work
 * - `forbidden`, `conflict`, `too_large`, `bad_frame`, `unsupported`: it was certainly not carried out, and never will be as it is
 */
export type FailureStatus =
  'invalid' | 'rejected' | 'failed' | 'timeout' | Exclude<ErrorCode, 'pending' | 'rate' | 'internal'>;

/** What is known of a command that did not succeed. */
export interface Failure {
  readonly status: FailureStatus;
  /** More exact than the status: the service's own code such as `BID_TOO_LOW`, or ours such as `queue_full`. Left out: the status. */
  readonly code?: string;
  readonly message?: string;
  readonly errors?: readonly InvalidProperty[];
  readonly value?: unknown;
  readonly temporary?: boolean;
  readonly cause?: unknown;
}

/** A command did not succeed. What `send` rejects with. */
export class CommandFailedError extends KafkaSocketError {
  readonly code: string;
  readonly status: FailureStatus;
  /** What the service or the gateway said, in its own words, which may be shown to people; undefined where it said nothing. */
  readonly reason: string | undefined;
  /** The properties that did not pass validation; empty unless the status is `invalid`. */
  readonly errors: readonly InvalidProperty[];
  /** What the service added for programs, such as the version that there is now; undefined where it added nothing. */
  readonly value: unknown;

  constructor(
    readonly topic: string,
    readonly command: string,
    readonly requestId: string,
    { status, code = status, message, errors = [], value, temporary = status === 'unavailable', cause }: Failure,
  ) {
    super(
      `Command "${command}" to "${topic}" ended as ${status}${code === status ? '' : ` (${code})`}${message ? `: ${message}` : '.'}`,
      {
        cause,
        temporary,
      },
    );
    this.status = status;
    this.code = code;
    this.reason = message;
    this.errors = errors;
    this.value = value;
  }
}

/** The wait for a command was aborted, by a signal that gives no reason of its own. */
export class WaitAbortedError extends KafkaSocketError {
  readonly code = 'wait_aborted';
}

/** Options that the client cannot work with. */
export class InvalidClientOptionsError extends KafkaSocketError {
  readonly code = 'client_options_invalid';
}

/** There is no WebSocket in this runtime, and none was given. */
export class MissingWebSocketError extends KafkaSocketError {
  readonly code = 'websocket_missing';
}

/** There is no WebCrypto in this runtime, or the page may not use it. */
export class MissingWebCryptoError extends KafkaSocketError {
  readonly code = 'webcrypto_missing';
}

/** A payload that JSON cannot carry. */
export class UnserializableRequestError extends KafkaSocketError {
  readonly code = 'request_unserializable';
}

/** The client is closed: by `close()`, or by the gateway with a code that forbids to come back. */
export class ClientClosedError extends KafkaSocketError {
  readonly code = 'client_closed';
}

/** An attempt to connect failed before the gateway could say anything; the client goes on trying. */
export class ConnectionFailedError extends KafkaSocketError {
  readonly code = 'connection_failed';
}

/** The token could not be renewed. */
export class TokenRefreshError extends KafkaSocketError {
  readonly code = 'token_refresh_failed';
}

/** A frame that is not as the protocol says. It is left out. */
export class MalformedFrameError extends KafkaSocketError {
  readonly code = 'frame_malformed';
}

/** A result that this client's key does not open, or that holds no outcome. Its request ends as `unknown`. */
export class UnreadableResultError extends KafkaSocketError {
  readonly code = 'result_unreadable';
}

/** Something that the gateway says is wrong and that concerns no request that is waited for. */
export class GatewayError extends KafkaSocketError {
  constructor(
    readonly code: ErrorCode,
    message: string,
    temporary: boolean,
    /** The request that it is about, where it is about one. */
    readonly requestId?: string,
    /** What programs read beside the code: `{ channel }` where a channel was refused. */
    readonly details?: unknown,
  ) {
    super(message, { temporary });
  }
}

/** One of the application's own listeners threw. The others were called all the same. */
export class ListenerFailedError extends KafkaSocketError {
  readonly code = 'listener_failed';
}
