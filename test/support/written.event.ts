import { randomUUID } from 'node:crypto';
import type { OutgoingRecord } from '../../lib/message/record.js';

/** An event of a topic's first partition, as a service would write it. */
export function eventRecord(topic: string, type: string, data: unknown): OutgoingRecord {
  const headers = { ce_specversion: '1.0', ce_id: randomUUID(), ce_source: '/test', ce_type: `event.${type}` };
  return { topic, partition: 0, key: 'lot', value: JSON.stringify(data), headers };
}
