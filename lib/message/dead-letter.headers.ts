/** A topic's dead letters go to the topic of this name. */
export const DEAD_LETTER_SUFFIX = '.dlq';

/** Why a record was given up. */
export type DeadLetterReason =
  | 'expired' // a command that was read past its deadline
  | 'undecodable' // addressed to a handler, but no message that this package can read
  | 'invalid' // an event that is not what its class says
  | 'failed' // the handler threw
  | 'timeout' // the handler ran longer than it may
  | 'undeliverable'; // the handler ended well, and the log does not take what follows from it

/** What stands beside a dead letter's own headers. */
export const DEAD_LETTER_HEADERS = {
  reason: 'dlq_reason',
  /** Code and message. */
  error: 'dlq_error',
  attempts: 'dlq_attempts',
  topic: 'dlq_topic',
  partition: 'dlq_partition',
  offset: 'dlq_offset',
  /** The method that gave up. */
  handler: 'dlq_handler',
  /** How often it was replayed; it travels on with the record, so that one that fails for ever is seen. */
  replays: 'dlq_replays',
  /** Only on the note that a letter of this offset, in the note's partition, was replayed. */
  replayed: 'dlq_replayed',
} as const;
