import { MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { BroadcastRules } from '../lib/gateway/routing/broadcast.rules.js';
import { classify } from '../lib/gateway/routing/record.classifier.js';
import { RecordRing } from '../lib/gateway/routing/record.ring.js';
import type { OutgoingRecord } from '../lib/message/record.js';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient, type RawFrame, rawIdentity } from './support/raw.client.js';
import { resultRecord, writeResult } from './support/written.result.js';

const answered = ({ event }: RawFrame): boolean => event === 'accepted' || event === 'error';

/** Sends requests that nobody handles, and what each was answered with. */
async function answersTo(client: RawClient, topic: string, count: number): Promise<string[]> {
  for (let i = 0; i < count; i++) client.request(topic, 'Nobody', {});
  const answers: string[] = [];
  while (answers.length < count) answers.push((await client.next(answered)).event);
  return answers;
}

describe('a request that has its outcome', () => {
  it('makes room for another one although the gateway had forgotten it: too many came after it', async () => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const { url } = await startApp({ log, gateway: { topics: [topic], limits: { requests: 4, ledger: 2 } } });
    const client = await RawClient.welcome(url);
    const requests = Array.from({ length: 4 }, () => client.request(topic, 'Nobody', {}));
    let partition!: number;
    for (const _ of requests) [, partition] = (await client.next('accepted')).data.at;

    for (const requestId of requests) {
      await writeResult(log, client, topic, partition, requestId, { status: 'success' });
      await client.outcome(topic, requestId);
    }

    expect(await answersTo(client, topic, 4)).toEqual(Array(4).fill('accepted'));
  });

  it('makes room for another one although the gateway had forgotten it: the last guard ended it, at the last moment', async () => {
    const { topic } = auction();
    const { url } = await startApp({
      timeouts: { maximum: 1 }, // so that the second request has the gateway's own timer only
      gateway: { topics: [topic], limits: { requests: 2 }, ttl: { default: 200, maximum: 200, grace: 50 } },
    });
    const client = await RawClient.welcome(url);
    const requests = [client.request(topic, 'Nobody', {}), client.request(topic, 'Nobody', {})];

    for (const requestId of requests) {
      await client.next('accepted');
      expect(await client.outcome(topic, requestId)).toMatchObject({ status: 'timeout' });
    }

    expect(await answersTo(client, topic, 2)).toEqual(['accepted', 'accepted']);
  });
});

describe('the newest records, which a gateway keeps', () => {
  const LIMIT = 20_000;
  const COUNT = 10;

  /** How many of ten such records are still there, where little of them has room. */
  function kept(record: OutgoingRecord): number {
    const ring = new RecordRing(LIMIT);
    ring.open('auction', 0, 0n);
    for (let i = 0n; i < COUNT; i++) {
      const { key, value, headers } = record;
      const stored = { key: Buffer.from(key!), value: Buffer.from(value!), headers, timestamp: 0 };
      const routed = classify(
        { topic: 'auction', partition: 0, offset: i, ...stored },
        new BroadcastRules({ '*': 'metadata' }),
      );
      ring.add(routed!);
    }
    return ring.from('auction', 0, 0n, COUNT).length;
  }

  const large = 'x'.repeat(5_000);

  it('weigh the claims of whose result it is', async () => {
    const client = { identity: await rawIdentity() } as RawClient;
    const of = (user: string) =>
      kept(resultRecord(client, 'auction', 0, crypto.randomUUID(), { status: 'success' }, { final: true, user }));
    expect(of('{"sub":"ann"}')).toBe(COUNT);
    expect(of(`{"sub":"ann","roles":"${large}"}`)).toBeLessThan(LIMIT / large.length);
  });

  it.each([
    ['bread crumbs', { headers: { ce_type: 'event.Bid.Created', ce_breadcrumbs: `user=${large}` } }],
    ['id', { headers: { ce_type: 'event.Bid.Created', ce_id: large } }],
    ['key', { key: large }],
  ])('weigh an event’s %s, though its data stays in the log', (_, more) => {
    const event = {
      topic: 'auction',
      key: 'lot-1',
      value: '{}',
      headers: { ce_type: 'event.Bid.Created', ce_id: '1' },
    };
    expect(kept(event)).toBe(COUNT);
    expect(kept({ ...event, ...more })).toBeLessThan(LIMIT / large.length);
  });
});
