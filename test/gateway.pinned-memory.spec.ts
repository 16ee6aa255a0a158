import { describe, expect, it } from 'vitest';
import { BroadcastRules } from '../lib/gateway/routing/broadcast.rules.js';
import { classify } from '../lib/gateway/routing/record.classifier.js';
import { RecordRing } from '../lib/gateway/routing/record.ring.js';
import { ResultSealer } from '../lib/gateway/sealing/result.sealer.js';
import type { OutgoingRecord } from '../lib/message/record.js';
import { buffersAlive } from './support/alive.bytes.js';
import type { RawClient } from './support/raw.client.js';
import { newClient } from './support/sealing.client.js';
import { resultRecord } from './support/written.result.js';

const COUNT = 300;
/** What each of those that are kept may keep alive in buffers: none of them is longer than this. */
const EACH = 400;

/** Short buffers of no further use, as all that a process does makes them: together a piece of Node's pool. */
function others(): void {
  for (let i = 0; i < 50; i++) Buffer.from('x'.repeat(200));
}

/** Bytes in buffers that are alive in the end for each of many. */
async function pinnedBy(keep: (index: number) => void): Promise<number> {
  const before = await buffersAlive();
  for (let index = 0; index < COUNT; index++) {
    keep(index);
    others();
  }
  return ((await buffersAlive()) - before) / COUNT;
}

describe('what a gateway keeps for long among much that is short-lived', () => {
  const client = { identity: { sessionId: 'a-session-of-16-characters', publicKey: 'x' } } as RawClient;
  const event = { topic: 'auction', key: 'lot-1', value: '{"lot":1}', headers: { ce_type: 'event.Bid.Created' } };
  const result = resultRecord(client, 'auction', 0, crypto.randomUUID(), { status: 'success' }, { final: true });

  it.each<[string, OutgoingRecord]>([
    ['an event', event],
    ['a result', result],
  ])('%s among the newest records keeps no 8 KiB of Node’s pool alive', async (_, { value, headers }) => {
    const ring = new RecordRing(64 * 1024 * 1024);
    ring.open('auction', 0, 0n);
    const rules = new BroadcastRules({ '*': 'data' });

    const pinned = await pinnedBy((index) => {
      const place = { topic: 'auction', partition: 0, offset: BigInt(index), timestamp: 0, key: null };
      ring.add(classify({ ...place, value: Buffer.from(value!), headers }, rules)!);
    });

    expect(ring.from('auction', 0, 0n, COUNT)).toHaveLength(COUNT);
    expect(pinned).toBeLessThan(EACH);
  });

  it('a client’s set-up for sealing keeps no 8 KiB of Node’s pool alive', async () => {
    const clients = await Promise.all(Array.from({ length: COUNT }, newClient));
    const sealer = new ResultSealer(COUNT);

    const pinned = await pinnedBy((index) => sealer.prepare(clients[index]!.publicKey));

    expect(sealer.size).toBe(COUNT);
    expect(pinned).toBeLessThan(EACH);
  });
});
