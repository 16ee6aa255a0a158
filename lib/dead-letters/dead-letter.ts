import { DEAD_LETTER_HEADERS } from '../message/dead-letter.headers.js';
import { headerText } from '../message/record.headers.js';
import type { LogPosition, LogRecord, RecordHeaders } from '../message/record.js';

/** A record that a service gave up, and what it said about it. */
export interface DeadLetter {
  /** Where it stands in the dead-letter topic. */
  readonly at: LogPosition;
  /** When it was given up, in milliseconds since the epoch. */
  readonly time: number;
  /** Why, see `DeadLetterReason`; text, because a later version may know more reasons. */
  readonly reason: string;
  /** Code and message of what went wrong, shortened. */
  readonly error: string | undefined;
  /** How often it was tried. */
  readonly attempts: number;
  /** The method that gave it up; undefined where none was called. */
  readonly handler: string | undefined;
  /** Where it stood. */
  readonly source: LogPosition;
  /** What it is, such as `command.PlaceBid`; empty where its headers do not say. */
  readonly type: string;
  /** How often it was replayed before. */
  readonly replays: number;
  /** Key, value and headers as they are. */
  readonly record: LogRecord;
}

/** Reads a dead letter; undefined for what is none, for example the note that one was replayed. */
export function deadLetterOf(record: LogRecord): DeadLetter | undefined {
  const reason = remark(record, 'reason');
  const subject = subjectIn(record);
  if (reason === undefined || !subject) return undefined;
  const { topic, partition, offset, timestamp } = record;
  return {
    at: { topic, partition, offset },
    time: timestamp,
    reason,
    error: remark(record, 'error'),
    attempts: numberOf(remark(record, 'attempts')) ?? 1,
    ...subject,
    type: headerText(record.headers['ce_type']) ?? '',
    replays: numberOf(remark(record, 'replays')) ?? 0,
    record,
  };
}

/** What a note says that a letter was sent back. */
export function noteOf({ at, source, handler }: DeadLetter): RecordHeaders {
  return {
    [DEAD_LETTER_HEADERS.replayed]: String(at.offset),
    [DEAD_LETTER_HEADERS.topic]: source.topic,
    [DEAD_LETTER_HEADERS.partition]: String(source.partition),
    [DEAD_LETTER_HEADERS.offset]: String(source.offset),
    ...(handler !== undefined && { [DEAD_LETTER_HEADERS.handler]: handler }),
  };
}

/** The {@link nameOf} of the letter that a note says was sent back; undefined for what is no such note. */
export function notedIn(record: LogRecord): string | undefined {
  const subject = remark(record, 'replayed') === undefined ? undefined : subjectIn(record);
  return subject && nameOf(subject);
}

/** Names what was given up, and by which handler: a crash may make two letters of one. */
export function nameOf({ source, handler = '' }: Subject): string {
  return `${source.topic}/${source.partition}/${source.offset} ${handler}`;
}

/** What was given up, and by which handler. */
type Subject = Pick<DeadLetter, 'source' | 'handler'>;

function subjectIn(record: LogRecord): Subject | undefined {
  const source = placeOf(remark(record, 'topic'), remark(record, 'partition'), remark(record, 'offset'));
  return source && { source, handler: remark(record, 'handler') };
}

function remark({ headers }: LogRecord, name: keyof typeof DEAD_LETTER_HEADERS): string | undefined {
  return headerText(headers[DEAD_LETTER_HEADERS[name]]);
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function placeOf(topic = '', partition = '', offset = ''): LogPosition | undefined {
  if (topic === '' || !/^\d{1,9}$/.test(partition) || !/^\d{1,19}$/.test(offset)) return undefined;
  return { topic, partition: Number(partition), offset: BigInt(offset) };
}
