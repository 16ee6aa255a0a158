import { randomUUID } from 'node:crypto';
import type { MessageLog } from '../../lib/log/message.log.js';
import { encodeMessage } from '../../lib/message/cloud-events.codec.js';
import type { OutgoingRecord } from '../../lib/message/record.js';
import type { RawIdentity } from './raw.client.js';

/** What a result says, as far as the gateway's suites need it. */
export interface WrittenOutcome {
  readonly status: 'success' | 'rejected' | 'timeout';
  readonly value?: unknown;
  readonly code?: string;
}

/** A result of a request of the command `Nobody`, as a service would write it. */
export function resultRecord(
  { identity }: { readonly identity: Pick<RawIdentity, 'sessionId' | 'publicKey'> },
  topic: string,
  partition: number,
  requestId: string,
  data: WrittenOutcome,
  crumbs: { readonly final?: boolean; readonly user?: string } = { final: true },
): OutgoingRecord {
  const id = randomUUID();
  const { sessionId, publicKey } = identity;
  const breadCrumbs = { requestId, sessionId, publicKey, correlationId: id, attempt: 1, ...crumbs };
  const message = { id, source: '/test', breadCrumbs, payload: { kind: 'result' as const, name: 'Nobody', data } };
  return { topic, partition, key: sessionId, ...encodeMessage(message) };
}

/** Writes a result as a service would. */
export async function writeResult(log: MessageLog, ...of: Parameters<typeof resultRecord>): Promise<void> {
  await log.publish(resultRecord(...of));
}
