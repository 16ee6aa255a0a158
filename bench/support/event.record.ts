import { createECDH, randomBytes, randomUUID } from 'node:crypto';
import { encodeMessage } from '../../lib/message/cloud-events.codec.js';
import { messageId } from '../../lib/message/message.id.js';

/** A record as both our log and kafkajs take it. */
export interface EventRecord {
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What stands before a time stamp in an event's JSON. */
const STAMP = Buffer.from('"sent":');
const STAMP_DIGITS = 32;

const publicKey = createECDH('prime256v1').generateKeys('base64url');

/**
 * An event as a handler publishes it: it follows from a client's command, and has all that one's crumbs.
 * @param lot what it is about, and the key that it is ordered by
 * @param sent when it was sent, by `now()`
 */
export function eventRecord(lot: number, { name = 'Bid.Created', bytes = 200, sent = 0 } = {}): EventRecord {
  const [entity, eventType] = name.split('.') as [string, string];
  const command = messageId();
  const data = { lot, amount: 120, ...(sent > 0 && { sent }), note: '' };
  data.note = 'x'.repeat(Math.max(0, bytes - JSON.stringify(data).length));
  const message = encodeMessage({
    id: messageId(),
    source: '/auction',
    payload: { kind: 'event', name, entity, eventType, data },
    breadCrumbs: {
      requestId: randomUUID(),
      sessionId: randomBytes(16).toString('base64url'),
      publicKey,
      correlationId: command,
      causationId: command,
      deadline: Date.now() + 30_000,
      reply: { topic: 'auction', partition: 0 },
      attempt: 1,
    },
  });
  return { key: `lot-${lot}`, ...message };
}

/** When a broadcast was sent, as its text says; undefined where it says nothing. */
export function sentAt(buffer: Buffer, start: number, end: number): number | undefined {
  const text = buffer.subarray(start, end);
  const at = text.indexOf(STAMP);
  return at === -1
    ? undefined
    : parseFloat(text.toString('latin1', at + STAMP.length, at + STAMP.length + STAMP_DIGITS));
}
