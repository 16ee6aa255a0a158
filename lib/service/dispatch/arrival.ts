import type { MessageEnvelope } from '../../message/cloud-events.codec.js';
import type { Payload, PlatformMessage } from '../../message/platform-message.js';
import type { LogRecord } from '../../message/record.js';
import type { AttemptBook } from '../retry/attempt.book.js';
import type { Ending } from './redelivery.guard.js';

/** A record that is addressed to this service, before its value was looked at. */
export interface Arrival {
  readonly record: LogRecord;
  readonly envelope: MessageEnvelope;
  /** Aborts when the record is no longer ours to finish. */
  readonly signal: AbortSignal;
  /**
   * How the log says that the request ended which this command is: `answered`, so it is not handled again; or `timeout`, its
   * client was told that it is too late.
   */
  readonly ending?: Ending;
  /** What was attempted so far; undefined for what is handled once. */
  readonly book?: AttemptBook;
}

/** The message with another payload than the record's value: as yet unread, or validated. */
export function messageWith<P extends Payload>(
  { type: _type, ...envelope }: MessageEnvelope,
  payload: P,
): PlatformMessage<P> {
  return { ...envelope, payload };
}

/** What an id looks like that is printed as it is; another one may be a page long, or bring a line of its own into the log. */
const PLAIN_ID = /^[\w.:/-]{1,64}$/;
/** Characters of another one that are printed. */
const ID_LENGTH = 64;

/** The record, as people look for it. */
export function placeOf({ record, envelope }: Pick<Arrival, 'record' | 'envelope'>): string {
  const { kind, name } = envelope.type;
  const id = PLAIN_ID.test(envelope.id) ? envelope.id : JSON.stringify(envelope.id.slice(0, ID_LENGTH));
  return `${kind} ${name} at ${record.topic}/${record.partition}@${record.offset} (message ${id})`;
}
