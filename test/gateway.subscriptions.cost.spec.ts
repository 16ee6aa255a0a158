import { describe, expect, it } from 'vitest';
import type { AccessRules } from '../lib/gateway/access.rules.js';
import type { GatewayOptions } from '../lib/gateway/gateway.options.js';
import type { RecordRouter } from '../lib/gateway/routing/record.router.js';
import type { Outbox } from '../lib/gateway/socket/outbox.js';
import { Session } from '../lib/gateway/socket/session.js';
import { SessionRegistry } from '../lib/gateway/socket/session.registry.js';
import { Subscriptions } from '../lib/gateway/socket/subscriptions.js';

/** As many as a client may open, and as many types as a frame may name. */
const TOPICS = Array.from({ length: 128 }, (_, i) => `topic-${i}`);
const types = (entity: string) => Array.from({ length: 1_024 }, (_, i) => `${entity}.type-${i}`);

function house() {
  const registry = new SessionRegistry();
  const router = { routed: () => [][Symbol.iterator]() } as unknown as RecordRouter;
  const access = { may: () => Promise.resolve(true) } as unknown as AccessRules;
  const options = { topics: TOPICS, limits: { channels: TOPICS.length } } as unknown as GatewayOptions;
  const outbox = { send: () => undefined } as unknown as Outbox;
  const session = new Session(outbox, { id: 's', publicKey: 'k', claims: undefined, handshake: {} as never });
  registry.add(session);
  return { registry, session, subscriptions: new Subscriptions(registry, router, access, options) };
}

/** Milliseconds that a thousand names take to be sorted and written down here and now, whatever else the machine does. */
function sortTime(): number {
  const began = performance.now();
  for (let i = 0; i < 10; i++) JSON.stringify([...new Set(types('A'))].sort());
  return (performance.now() - began) / 10;
}

describe('a frame that names a thousand types for a hundred topics', () => {
  it.each(['subscribe', 'unsubscribe'] as const)('takes no time for each of the topics: %s', async (what) => {
    const { registry, session, subscriptions } = house();
    await subscriptions.subscribe(session, { channels: TOPICS, types: types('Bid') }, () => undefined);
    sortTime(); // compiled

    const began = performance.now();
    if (what === 'subscribe')
      await subscriptions.subscribe(session, { channels: TOPICS, types: types('Lot') }, () => undefined);
    else subscriptions.unsubscribe(session, { channels: TOPICS, types: types('Lot') });
    const took = performance.now() - began;

    // Each was sorted four times before, or compared with each: some four thousand times as long.
    expect(took / sortTime()).toBeLessThan(8 * TOPICS.length);
    const wanted = what === 'subscribe' ? 'Lot.type-7' : 'Bid.type-7';
    for (const topic of TOPICS)
      expect([...registry.wanting(topic, wanted)].flatMap((all) => [...all])).toEqual([session]);
  });
});
