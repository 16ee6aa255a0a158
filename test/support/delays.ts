import { randomUUID } from 'node:crypto';
import { encodeMessage } from '../../lib/message/cloud-events.codec.js';
import { scheduledCommand } from '../../lib/message/scheduled.command.js';
import { type Delayed, delayedId } from '../../lib/timeout/delayed.js';
import type { WaitingRecord } from '../../lib/timeout/waiting.js';

/** A delayed command, in a slot of its own unless one is named. */
export function delayedUntil(
  due: number,
  more: Partial<Pick<Delayed, 'slot' | 'repeat'>> & { data?: unknown } = {},
): Delayed {
  const { data = 'Größe – 遅い 🕰', slot = randomUUID(), ...rest } = more;
  const id = delayedId(slot, due);
  const message = scheduledCommand(undefined, '/auction', { kind: 'command', name: 'CloseLot', data }, { id, due });
  const record: WaitingRecord = { topic: 'auction', key: 'los 7', ...encodeMessage(message) };
  return { id, deadline: due, slot, record, ...rest };
}
