import { createHash } from 'node:crypto';
import type { MessageEnvelope } from '../../message/cloud-events.codec.js';
import { commandIdentity } from '../dispatch/redelivery.guard.js';
import type { Handler } from '../declaration/handler.js';

/** What an inbox knows a message by, see `Delivery.key`. */
export function deliveryKey({ kind, label }: Pick<Handler, 'kind' | 'label'>, envelope: MessageEnvelope): string {
  const identity = kind === 'command' ? commandIdentity(envelope) : undefined;
  if (identity !== undefined) return `r-${Buffer.from(identity, 'latin1').toString('base64url')}`;
  const parts = [envelope.source, envelope.id, ...(kind === 'event' ? [label] : [])];
  const digest = createHash('sha256').update(parts.join('\0')).digest();
  return `m-${digest.toString('base64url', 0, 16)}`;
}
