import { headerText } from '../../message/record.headers.js';
import type { LogRecord, OutgoingRecord, RecordHeaders } from '../../message/record.js';
import type { Handler } from '../declaration/handler.js';
import type { Attempted } from './attempt.note.js';

/** What stands beside the own headers of a record that waits in a retry topic. */
export const RETRY_HEADERS = {
  /** Not before it, in milliseconds since the epoch. */
  due: 'retry_due',
  /** How often it was tried. */
  attempts: 'retry_attempts',
  /** The method that tries it. */
  handler: 'retry_handler',
  topic: 'retry_topic',
  partition: 'retry_partition',
  offset: 'retry_offset',
  /** When the record was written where it came from, in milliseconds since the epoch. */
  time: 'retry_time',
} as const;

/**
 * Where records wait, by how long: a partition holds a bounded number of them at a time, and those that wait for hours must not stand
 * before those that wait for seconds. All three are read wherever one is needed, so that a shorter back-off strands no record.
 */
const TIERS = [
  { name: 'seconds', upTo: 60_000 },
  { name: 'minutes', upTo: 3_600_000 },
  { name: 'hours', upTo: Infinity },
];

/** The retry topics of a service. */
export function retryTopics(service: string): string[] {
  return TIERS.map(({ name }) => topicOf(service, name));
}

/** A record that waits for another attempt. */
export interface Retried extends Attempted {
  /** As it was read where it came from. */
  readonly record: LogRecord;
  readonly handler: string;
  /** The same for each copy of it: a crash between its writing and the commit of what it was made from makes two. */
  readonly name: string;
}

/**
 * The record that brings another one to its next attempt.
 * @param nominal the pause without its random part, so that both copies of a record wait in the same topic
 */
export function retryRecord(
  service: string,
  { record, handler: { label: handler }, attempts, due }: Omit<Retried, 'handler' | 'name'> & { handler: Handler },
  nominal: number,
): Omit<OutgoingRecord, 'partition'> & { readonly name: string } {
  const { key, value, headers, topic, partition, offset, timestamp } = record;
  const tier = TIERS.find(({ upTo }) => nominal <= upTo)!;
  const remarks = { due, attempts, handler, topic, partition, offset, time: timestamp };
  const own = Object.entries(remarks).map(([name, value_]) => [
    RETRY_HEADERS[name as keyof typeof remarks],
    String(value_),
  ]);
  return {
    topic: topicOf(service, tier.name),
    key,
    value,
    headers: { ...headers, ...Object.fromEntries(own) },
    name: nameOf(record, handler, attempts),
  };
}

/** Reads a record of a retry topic; undefined for what is none, since anyone may write into a topic. */
export function retriedOf({ headers, key, value }: LogRecord): Retried | undefined {
  const handler = headerText(headers[RETRY_HEADERS.handler]);
  const topic = headerText(headers[RETRY_HEADERS.topic]);
  const offset = digits(headers, 'offset');
  const [partition, attempts, due, timestamp] = (['partition', 'attempts', 'due', 'time'] as const).map((name) =>
    Number(digits(headers, name) ?? NaN),
  ) as [number, number, number, number];
  if (handler === undefined || !topic || offset === undefined) return undefined;
  if (![partition, attempts, due, timestamp].every(Number.isSafeInteger)) return undefined;
  const record = { topic, partition, offset: BigInt(offset), timestamp, key, value, headers: ownHeaders(headers) };
  return { record, handler, attempts, due, name: nameOf(record, handler, attempts) };
}

function digits(headers: RecordHeaders, name: keyof typeof RETRY_HEADERS): string | undefined {
  const text = headerText(headers[RETRY_HEADERS[name]]);
  return text !== undefined && /^\d{1,18}$/.test(text) ? text : undefined;
}

function ownHeaders(headers: RecordHeaders): RecordHeaders {
  const remarks = new Set<string>(Object.values(RETRY_HEADERS));
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !remarks.has(name)));
}

function nameOf({ topic, partition, offset }: LogRecord, handler: string, attempts: number): string {
  return `${topic}/${partition}@${offset} ${handler} ${attempts}`;
}

function topicOf(service: string, tier: string): string {
  return `${service}.retry.${tier}`;
}
