import { messageId } from '../../message/message.id.js';
import type { HeldRecord } from '../publishing/held.record.js';
import { headerText } from '../../message/record.headers.js';
import type { Outcome } from '../../protocol/outcome.js';
import { UnserializablePayloadError } from '../../message/message.errors.js';
import { descriptionOf, messageOf } from '../../kafka-socket.error.js';
import { INTERNAL } from '../handling/thrown.outcome.js';
import { givenUp, type Verdict } from '../handling/verdict.js';
import type { Completion, CompletionRecord } from './inbox.js';
import type { Held } from './outbox.js';

/**
 * What an inbox keeps of a verdict. What was published by a method that threw is dropped, as a transaction would.
 * @param id of the message that was handled
 */
export function completionOf(given: Verdict, id: string, held: Held): Completion {
  const { outcome, events, reason, error } = serializable(given);
  const { records, replies } = outcome.status === 'success' ? held : NOTHING;
  return {
    messageId: id,
    outcome,
    resultId: messageId(),
    records: [...records, ...events].map(stored),
    replies: replies.map((reply) => ({ ...reply, outcome: serializable(reply).outcome })),
    ...(reason !== undefined && { failure: { reason, error: descriptionOf(error) } }),
  };
}

/**
 * The verdict that was kept. @param id of the message that is handled now: another one of the same request, sent again into
 * another partition, gets the answer; all else is told by the record that was handled, which is not committed before it is.
 */
export function verdictOf(completion: Completion, id: string): Verdict {
  const { outcome, resultId, records, replies, failure } = completion;
  if (completion.messageId !== id) return { outcome, resultId, replies, events: [] };
  return { outcome, resultId, replies, events: records.map(outgoing), ...failure };
}

const NOTHING: Held = { records: [], replies: [] };

/** JSON is all that can be kept, and all that can be published. */
function serializable<T extends { readonly outcome: Outcome }>(given: T): T | Verdict {
  try {
    JSON.stringify(given.outcome);
    return given;
  } catch (cause) {
    const message = `What was returned cannot be written as JSON (${messageOf(cause)}). Return plain data: no cycles, no BigInt.`;
    return givenUp(INTERNAL, 'undeliverable', new UnserializablePayloadError(message, { cause }));
  }
}

function stored({ topic, partition, key, value, headers, delay }: HeldRecord): CompletionRecord {
  const texts = Object.entries(headers).map(([name, header]) => [name, headerText(header) ?? '']);
  return {
    topic,
    ...(partition !== undefined && { partition }),
    ...storedKey(key),
    value: String(value),
    headers: Object.fromEntries(texts) as Record<string, string>,
    ...(delay && { delay }),
  };
}

function outgoing({ keyEncoding, key, ...record }: CompletionRecord): HeldRecord {
  return { ...record, key: keyEncoding && key !== null ? Buffer.from(key, keyEncoding) : key };
}

/** Other clients' keys may be any bytes, and must come out as they went in: they choose the partition. */
function storedKey(key: HeldRecord['key']): Pick<CompletionRecord, 'key' | 'keyEncoding'> {
  if (!Buffer.isBuffer(key)) return { key };
  const text = key.toString('utf8');
  if (key.equals(Buffer.from(text))) return { key: text };
  return { key: key.toString('base64'), keyEncoding: 'base64' };
}
