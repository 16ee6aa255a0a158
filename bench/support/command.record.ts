import { createECDH, randomBytes, randomUUID } from 'node:crypto';
import { encodeMessage } from '../../lib/message/cloud-events.codec.js';
import { messageId } from '../../lib/message/message.id.js';
import { timeoutId } from '../../lib/message/request.identity.js';
import type { EventRecord } from './event.record.js';

const publicKey = createECDH('prime256v1').generateKeys('base64url');
const sessionId = randomBytes(16).toString('base64url');
/** Far off, in milliseconds: nothing shall expire here. */
const TTL = 290_000;

/** A command as a gateway writes it, with the name of its time-out, which the service takes back when it has answered. */
export function commandRecord(topic: string, partition: number, key: string, data: object): EventRecord {
  const [id, requestId] = [messageId(), randomUUID()];
  const deadline = Date.now() + TTL;
  const message = encodeMessage({
    id,
    source: '/gateway',
    payload: { kind: 'command', name: 'Work', data },
    breadCrumbs: {
      requestId,
      sessionId,
      publicKey,
      correlationId: id,
      deadline,
      timeoutId: timeoutId(sessionId, publicKey, requestId, deadline),
      reply: { topic, partition },
      attempt: 1,
    },
  });
  return { key, ...message };
}

/** The same for Nest's ServerKafka, as ClientKafka writes it. */
export function nestRecord(topic: string, partition: number, key: string, data: object): EventRecord {
  const headers = {
    kafka_correlationId: randomUUID(),
    kafka_replyTopic: `${topic}.reply`,
    kafka_replyPartition: String(partition),
  };
  return { key, value: JSON.stringify(data), headers };
}
