import type { MessageLog } from '../../lib/log/message.log.js';
import type { BreadCrumbs } from '../../lib/message/bread-crumbs.js';
import { encodeMessage } from '../../lib/message/cloud-events.codec.js';
import { followUp } from '../../lib/message/follow-up.js';
import type { Outcome } from '../../lib/protocol/outcome.js';
import type { SentRequest } from './service.js';

/** What another instance, a gateway or a scheduler writes about a request: a final result, unless its crumbs say otherwise. */
export async function endRequest(
  log: MessageLog,
  topic: string,
  { id, requestId, at }: SentRequest,
  name: string,
  outcome: Outcome | { readonly status: Outcome['status'] },
  crumbs: Partial<BreadCrumbs> = {},
): Promise<void> {
  const reply = { topic, partition: at.partition };
  const breadCrumbs = { requestId, sessionId: 'session-1', publicKey: 'key-1', correlationId: id, attempt: 1, reply };
  const command = { id, source: '/gateway', breadCrumbs, payload: { kind: 'command' as const, name, data: {} } };
  const result = followUp(command, '/other', { kind: 'result' as const, name, data: outcome as Outcome });
  const encoded = encodeMessage({ ...result, breadCrumbs: { ...result.breadCrumbs, final: true, ...crumbs } });
  await log.publish({ ...reply, key: 'session-1', ...encoded });
}
