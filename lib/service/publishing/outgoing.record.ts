import { encodeMessage } from '../../message/cloud-events.codec.js';
import type { Event } from '../../message/event.js';
import type { PlatformMessage } from '../../message/platform-message.js';
import type { OutgoingRecord } from '../../message/record.js';

/**
 * A message on its way to a place in the log.
 * @throws {UnserializablePayloadError} `payload_unserializable`
 * @throws {MalformedMessageError} `message_malformed`
 */
export function outgoing(
  message: PlatformMessage,
  place: Pick<OutgoingRecord, 'topic' | 'partition' | 'key'>,
): OutgoingRecord {
  return { ...place, ...encodeMessage(message) };
}

/** What an event says: what happened to which entity. */
export function eventPayload(event: Pick<Event, 'entity' | 'eventType'>, data: unknown): Event {
  const { entity, eventType } = event;
  return { kind: 'event', name: `${entity}.${eventType}`, entity, eventType, data };
}
