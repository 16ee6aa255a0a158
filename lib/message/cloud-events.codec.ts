import { messageOf } from '../kafka-socket.error.js';
import { decodeBreadCrumbs, encodeBreadCrumbs } from './bread-crumbs.codec.js';
import { isOutcome } from '../protocol/outcome.js';
import { MalformedMessageError, UnserializablePayloadError } from './message.errors.js';
import { type MessageType, messageTypeOf } from './message.type.js';
import type { Payload, PlatformMessage } from './platform-message.js';
import { headerText } from './record.headers.js';
import type { RecordHeaders } from './record.js';
import { traceHeaders, traceHeadersIn } from './trace.headers.js';

/** What a message is on the wire, without its place. */
export interface EncodedMessage {
  readonly headers: Readonly<Record<string, string>> & { readonly ce_breadcrumbs: string };
  /** The payload's JSON and nothing else. */
  readonly value: string;
}

interface EncodedRecord {
  readonly headers: RecordHeaders;
  readonly value: Buffer | string | null;
}

/**
 * `__proto__` as an own key turns into a prototype wherever such an object is merged or copied key by key. A reviver costs
 * several times the parsing, so only texts that may hold the key get one: as it is, or with an escape in place of a letter.
 */
const PROTOTYPE_KEY = /__proto__|\\u00[567]/i;

/**
 * Writes a message as the CloudEvents 1.0 Kafka binding wants it, in binary mode.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 * @param crumbs its bread crumbs, where they are written already
 * @throws {MalformedMessageError} `message_malformed`: bread crumbs or a name that no reader would take
 * @throws {UnserializablePayloadError} `payload_unserializable`
 */
export function encodeMessage(
  message: PlatformMessage,
  crumbs = encodeBreadCrumbs(message.breadCrumbs),
): EncodedMessage {
  return {
    headers: {
      ce_specversion: '1.0',
      ce_id: message.id,
      ce_source: message.source,
      ce_type: typeText(message.payload),
      'content-type': 'application/json',
      ce_breadcrumbs: crumbs,
      ...traceHeaders(message),
    },
    value: encodePayload(message.payload),
  };
}

/**
 * Reads all of a message: headers, bread crumbs and payload.
 * @throws {MalformedMessageError} `message_malformed`: whatever is wrong with the record, nothing else is ever thrown
 */
export function decodeMessage(record: EncodedRecord): PlatformMessage {
  const { type, ...envelope } = decodeEnvelope(record.headers);
  return { ...envelope, payload: decodePayload(type, record.value) };
}

/** A message without its payload: all that its headers say. */
export interface MessageEnvelope extends Omit<PlatformMessage, 'payload'> {
  readonly type: MessageType;
}

/**
 * Reads the headers of a message and leaves its value alone.
 * @param type what the message is, where the caller has read it already
 * @throws {MalformedMessageError} `message_malformed`
 */
export function decodeEnvelope(headers: RecordHeaders, type = messageTypeOf(headers)): MessageEnvelope {
  if (!type) throw new MalformedMessageError('The header "ce_type" names no command, result or event.');
  const version = headerText(headers['ce_specversion']);
  if (version !== '1.0') {
    throw new MalformedMessageError(
      `The header "ce_specversion" is ${describe(version)}; this package reads CloudEvents 1.0.`,
    );
  }
  const id = required(headers, 'ce_id');
  return {
    type,
    id,
    source: required(headers, 'ce_source'),
    breadCrumbs: decodeBreadCrumbs(headerText(headers['ce_breadcrumbs']) ?? '', id),
    ...traceHeadersIn(headers),
  };
}

/**
 * Reads a record's value as the payload that its type announces.
 * @throws {MalformedMessageError} `message_malformed`: no JSON, or a result without a status
 */
export function decodePayload(type: MessageType, value: Buffer | string | null): Payload {
  const data = parseJson(value);
  if (type.kind === 'command') return { kind: 'command', name: type.name, data };
  if (type.kind === 'result') {
    if (!isOutcome(data)) throw new MalformedMessageError('The value of a result has no status that is known.');
    return { kind: 'result', name: type.name, data };
  }
  const [entity, eventType] = type.name.split('.') as [string, string];
  return { kind: 'event', name: type.name, entity, eventType, data };
}

function typeText({ kind, name }: Payload): string {
  const text = `${kind}.${name}`;
  if (messageTypeOf({ ce_type: text })) return text;
  throw new MalformedMessageError(
    `${describe(text)} names no command, result or event: names are [A-Za-z0-9_-]+, and an event's is Entity.EventType.`,
  );
}

function encodePayload(payload: Payload): string {
  try {
    // A value of `undefined` is written as null: a record without a value is a tombstone to a compacted topic.
    return JSON.stringify(payload.data) ?? 'null';
  } catch (cause) {
    throw new UnserializablePayloadError(
      `The payload of ${payload.kind} "${payload.name}" cannot be written as JSON (${messageOf(cause)}). Return plain data: no cycles, no BigInt.`,
      { cause },
    );
  }
}

function parseJson(value: Buffer | string | null): unknown {
  if (value === null) throw new MalformedMessageError('The record has no value.');
  const text = value.toString();
  try {
    return PROTOTYPE_KEY.test(text) ? JSON.parse(text, dropPrototypeKey) : JSON.parse(text);
  } catch {
    throw new MalformedMessageError('The value is not JSON.'); // without the cause, whose message quotes the payload
  }
}

function dropPrototypeKey(key: string, value: unknown): unknown {
  return key === '__proto__' ? undefined : value;
}

function required(headers: RecordHeaders, name: string): string {
  const text = headerText(headers[name]);
  if (text === undefined || text === '') throw new MalformedMessageError(`The header "${name}" is missing.`);
  return text;
}

function describe(text: string | undefined): string {
  return text === undefined ? 'missing' : JSON.stringify(text.slice(0, 64));
}
