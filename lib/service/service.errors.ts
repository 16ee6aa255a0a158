import { KafkaSocketError } from '../kafka-socket.error.js';

/** Handlers that are declared wrongly: all of them in one error, each with the class, the method and the fix. */
export class InvalidHandlerError extends KafkaSocketError {
  readonly code = 'handler_invalid';

  /** @param problems one sentence or two for each: what is wrong, and what to do */
  constructor(readonly problems: readonly string[]) {
    super(`${problems.length === 1 ? 'A handler is' : 'Handlers are'} declared wrongly:\n- ${problems.join('\n- ')}`);
  }
}

/**
 * What a handler throws to say no: the client gets `rejected` with this code and message. It is an outcome like any other,
 * so it is neither logged as an error nor dead-lettered.
 *
 * @example
 * throw new CommandRejectedError('BID_TOO_LOW', 'Somebody bids more already.');
 */
export class CommandRejectedError extends KafkaSocketError {
  /** What programs may want to know beside the code, such as the version that there is now; the client reads it. */
  readonly value: unknown;

  /**
   * @param code what programs compare, such as `BID_TOO_LOW`; the client reads it
   * @param message what people read; the client reads it
   * @param options `value`: anything that JSON carries, for programs; the client reads it. `cause`: for logs
   */
  constructor(
    readonly code: string,
    message: string,
    options: { cause?: unknown; value?: unknown } = {},
  ) {
    super(message, options);
    this.value = options.value;
  }
}

/** Why a handling's signal aborted, other than by the command's deadline (`DeadlinePassedError`). */
export type AbortReason = 'handler_timeout' | 'partition_lost' | 'claim_lost' | 'shutdown';

/** The reason of a handler's {@link AbortSignal}. A handler that heeds its signal throws it on. */
export class HandlingAbortedError extends KafkaSocketError {
  readonly code = 'handling_aborted';

  constructor(readonly reason: AbortReason) {
    super(SENTENCES[reason]);
  }
}

const SENTENCES: Readonly<Record<AbortReason, string>> = {
  handler_timeout: 'The handler ran longer than handlers.handlerTimeout allows, and its key goes on without it.',
  partition_lost: 'The partition of this record now belongs to another instance, which handles the record again.',
  claim_lost:
    'The inbox could not be reached for longer than its lease, and another instance handles the record by now.',
  shutdown: 'The application shuts down; the record is handled again by whoever takes its partition over.',
};

/** `publisher.reply()` where no message is being handled, so there is no request that it could end. */
export class ReplyImpossibleError extends KafkaSocketError {
  readonly code = 'reply_impossible';
}

/** `outcomeReader.outcomeOf()` of a message that no client waits for. */
export class OutcomeImpossibleError extends KafkaSocketError {
  readonly code = 'outcome_impossible';
}
