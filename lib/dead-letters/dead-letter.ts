import { DEAD_LETTER_HEADERS } from '../message/dead-letter.headers.js';
import { headerText } from '../message/record.headers.js';
import type { LogPosition, LogRecord } from '../message/record.js';

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
  const header = (name: keyof typeof DEAD_LETTER_HEADERS): string | undefined =>
    headerText(record.headers[DEAD_LETTER_HEADERS[name]]);
  const reason = header('reason');
  const source = placeOf(header('topic'), header('partition'), header('offset'));
  if (reason === undefined || !source) return undefined;
  const { topic, partition, offset, timestamp } = record;
  return {
    at: { topic, partition, offset },
    time: timestamp,
    reason,
    error: header('error'),
    attempts: Number(header('attempts') ?? 1),
    handler: header('handler'),
    source,
    type: headerText(record.headers['ce_type']) ?? '',
    replays: Number(header('replays') ?? 0),
    record,
  };
}

/** The offset of the letter that a note says was replayed; undefined for what is no such note. */
export function replayedIn({ headers }: LogRecord): bigint | undefined {
  const text = headerText(headers[DEAD_LETTER_HEADERS.replayed]);
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined;
}

function placeOf(topic = '', partition = '', offset = ''): LogPosition | undefined {
  if (topic === '' || !/^\d+$/.test(partition) || !/^\d+$/.test(offset)) return undefined;
  return { topic, partition: Number(partition), offset: BigInt(offset) };
}
