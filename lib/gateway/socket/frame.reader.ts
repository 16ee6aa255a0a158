import { TOPIC_NAME } from '../../protocol/names.js';
import type { ClientFrames, Frame, Positions, TypesByTopic } from '../../protocol/frames.js';
import { BadFrameError } from '../gateway.errors.js';

/** A frame as it came: its event, its data, and the id that is echoed in the answer. */
export interface ReceivedFrame extends Frame<Readonly<Record<string, unknown>>> {
  readonly id?: string;
}

const SESSION_ID = /^[A-Za-z0-9_-]{16,64}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const EVENT_TYPE = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const OFFSET = /^(-1|0|[1-9]\d{0,18})$/;
const PARTITION = /^(0|[1-9]\d{0,5})$/;
/** @see https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** As long as a topic's may be; behind `command.` it must be a type that readers take. */
const COMMAND = /^[A-Za-z0-9_-]{1,249}$/;
const MAX_KEY = 256;
const MAX_BAGGAGE = 1_024;
/** Names in one list of topics or types. */
const MAX_NAMES = 1_024;

/**
 * Reads a text frame.
 * @throws {BadFrameError} `bad_frame`: not JSON, or not `{event, data}`
 */
export function readFrame(text: string): ReceivedFrame {
  const frame = parse(text);
  if (!isObject(frame)) throw new BadFrameError('A frame is one JSON object: {"event": string, "data": object}.');
  const { event, data, id } = frame;
  if (id !== undefined && (typeof id !== 'string' || id.length > 128)) {
    throw new BadFrameError('The "id" of the frame is not a string of at most 128 characters.');
  }
  if (typeof event !== 'string') throw new BadFrameError('The frame has no "event".', { frameId: id });
  if (!isObject(data)) throw new BadFrameError('The "data" of the frame is not an object.', { frameId: id });
  return { event, data, ...(id !== undefined && { id }) };
}

/** Reads the data of each event; whatever is not as the protocol says throws {@link BadFrameError} and names the field. */
export const read = {
  hello(data: object): ClientFrames['hello'] {
    const { sessionId, publicKey, token, channels, types, positions, epoch } = data as Record<string, unknown>;
    return {
      sessionId: matching('sessionId', sessionId, SESSION_ID, '16 to 64 of A-Z, a-z, 0-9, "_" and "-"'),
      publicKey: textOf('publicKey', publicKey, 128),
      channels: topics('channels', channels ?? []),
      ...(token !== undefined && { token: textOf('token', token, 16_384) }),
      ...(types !== undefined && { types: typesByTopic(types) }),
      ...(positions !== undefined && { positions: positionsOf(positions) }),
      ...(epoch !== undefined && { epoch: textOf('epoch', epoch, 256) }),
    };
  },

  request(data: object): ClientFrames['request'] {
    const { requestId, topic, command, payload, ttl, age, key, traceparent, baggage, sessionId, progress } =
      data as Record<string, unknown>;
    return {
      requestId: matching('requestId', requestId, UUID, 'a UUID'),
      topic: matching('topic', topic, TOPIC_NAME, 'a topic'),
      command: matching('command', command, COMMAND, 'a command: 1 to 249 of A-Z, a-z, 0-9, "_" and "-"'),
      payload: payload ?? null,
      ...(ttl !== undefined && { ttl: milliseconds('ttl', ttl, 1) }),
      ...(age !== undefined && { age: milliseconds('age', age, 0) }),
      ...(key !== undefined && { key: textOf('key', key, MAX_KEY) }),
      ...(traceparent !== undefined && {
        traceparent: matching('traceparent', traceparent, TRACEPARENT, 'a W3C traceparent'),
      }),
      ...(baggage !== undefined && { baggage: textOf('baggage', baggage, MAX_BAGGAGE) }),
      ...(sessionId !== undefined && { sessionId: textOf('sessionId', sessionId, 256) }),
      ...(progress !== undefined && { progress: truth('progress', progress) }),
    };
  },

  subscription(data: object): ClientFrames['subscribe'] {
    const { channels, types } = data as Record<string, unknown>;
    return {
      channels: topics('channels', channels),
      ...(types !== undefined && { types: eventTypes('types', types) }),
    };
  },

  refresh(data: object): ClientFrames['refresh'] {
    return { token: textOf('token', (data as Record<string, unknown>)['token'], 16_384) };
  },
};

/** The RequestId of a frame that may be bad otherwise, so that its error can name it. */
export function requestIdIn(data: Readonly<Record<string, unknown>>): string | undefined {
  const requestId = data['requestId'];
  return typeof requestId === 'string' && UUID.test(requestId) ? requestId : undefined;
}

function parse(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    throw new BadFrameError('The frame is not JSON.'); // without the cause, which quotes the frame
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(field: string, value: unknown, limit: number): string {
  if (typeof value !== 'string' || value.length > limit)
    throw new BadFrameError(`"${field}" is not a string of at most ${limit} characters.`);
  return value;
}

function matching(field: string, value: unknown, pattern: RegExp, meaning: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw new BadFrameError(`"${field}" is not ${meaning}.`);
  return value;
}

function truth(field: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new BadFrameError(`"${field}" is neither true nor false.`);
  return value;
}

function milliseconds(field: string, value: unknown, minimum: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < minimum) {
    throw new BadFrameError(`"${field}" is not a number of milliseconds from ${minimum} up.`);
  }
  return Math.round(value);
}

/** A short one: each name may be answered by an error of its own. */
function isList(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.length <= MAX_NAMES;
}

function topics(field: string, value: unknown): readonly string[] {
  if (!isList(value)) throw new BadFrameError(`"${field}" is not a list of at most ${MAX_NAMES} topics.`);
  return [...new Set(value.map((topic: unknown) => matching(field, topic, TOPIC_NAME, 'a list of topics')))];
}

function eventTypes(field: string, value: unknown): readonly string[] {
  if (!isList(value)) {
    throw new BadFrameError(`"${field}" is not a list of at most ${MAX_NAMES} event types such as "Bid.Created".`);
  }
  return value.map((type: unknown) => matching(field, type, EVENT_TYPE, 'a list of event types such as "Bid.Created"'));
}

function typesByTopic(value: unknown): TypesByTopic {
  if (!isObject(value)) throw new BadFrameError('"types" is not an object of event types by topic.');
  return Object.fromEntries(Object.entries(value).map(([topic, types]) => [topic, eventTypes('types', types)]));
}

function positionsOf(value: unknown): Positions {
  if (!isObject(value)) throw new BadFrameError('"positions" is not an object of offsets by topic and partition.');
  return Object.fromEntries(
    Object.entries(value).map(([topic, partitions]) => [topic, partitionsOf(topic, partitions)]),
  );
}

function partitionsOf(topic: string, value: unknown): Record<string, string> {
  matching('positions', topic, TOPIC_NAME, 'by topic');
  if (!isObject(value)) throw new BadFrameError('"positions" is not an object of offsets by topic and partition.');
  for (const [partition, offset] of Object.entries(value)) {
    matching('positions', partition, PARTITION, 'by partition number');
    matching('positions', offset, OFFSET, 'of decimal offsets, or "-1"');
  }
  return value as Record<string, string>;
}
