import { describe, expect, it } from 'vitest';
import type { AccessRules } from '../lib/gateway/access.rules.js';
import { RecoveringClient } from '../lib/gateway/recovery/recovering.client.js';
import type { RequestLedger } from '../lib/gateway/request/request.ledger.js';
import { BroadcastRules } from '../lib/gateway/routing/broadcast.rules.js';
import { Delivery } from '../lib/gateway/routing/delivery.js';
import { classify } from '../lib/gateway/routing/record.classifier.js';
import type { RoutedRecord } from '../lib/gateway/routing/routed.record.js';
import { FrameSlab } from '../lib/gateway/socket/frame.slab.js';
import type { Session } from '../lib/gateway/socket/session.js';
import { textsIn } from '../lib/gateway/socket/wire.frame.js';

const PLACE = { topic: 'auction', partition: 0 };

/** Events of a partition, as they are read from the log. */
function events(count: number, bytes: number): RoutedRecord[] {
  const rules = new BroadcastRules({ '*': 'data' });
  const slab = new FrameSlab();
  const value = Buffer.from(`"${'x'.repeat(bytes)}"`);
  return Array.from({ length: count }, (_, index) => {
    const headers = { ce_id: String(index), ce_type: Buffer.from('event.Bid.Created') };
    return classify({ ...PLACE, offset: BigInt(index), timestamp: 0, key: null, value, headers }, rules, slab)!;
  });
}

/** Somebody who catches up, what was sent so far, and how far it is done. */
function recovering(mayRead: () => boolean = () => true) {
  const sent: Buffer[] = [];
  let done = -1n;
  const session = {
    wantsEvent: () => true,
    sendRecovered: (piece: Buffer) => sent.push(piece),
    passed: (_topic: string, _partition: number, offset: bigint) => (done = offset),
  } as unknown as Session;
  const plan = { topics: new Map([['auction', undefined]]), missed: [{ ...PLACE, end: 0n, eventsFrom: 0n }] };
  const delivery = new Delivery(undefined as never, { mayRead } as unknown as AccessRules);
  const client = new RecoveringClient(session, plan as never, delivery, undefined as unknown as RequestLedger);
  return {
    client,
    done: () => done,
    bytes: () => sent.reduce((sum, { length }) => sum + length, 0),
    offsets: () => sent.flatMap((piece) => [...textsIn(piece)].map((text) => offsetIn(String(text)))),
  };
}

function offsetIn(frame: string): bigint {
  return BigInt((JSON.parse(frame) as { data: { at: [string, number, string] } }).data.at[2]);
}

describe('one step of catching up', () => {
  it('takes as much as a socket holds without haste, however much is in memory, and says how far it came', () => {
    const { client, bytes, offsets, done } = recovering();
    const records = events(7, 100_000); // too few for a look at the clock

    const whole = client.take(PLACE, 0n, { records, next: 7n });

    expect(whole).toBe(false);
    expect(bytes()).toBeLessThan(400 * 1024);
    expect(offsets()).toEqual([0n, 1n, 2n]);
    expect(done()).toBe(2n);
  });

  it('ends in time, though nothing of it is for this client', () => {
    const slow = (): boolean => {
      const end = performance.now() + 0.2;
      while (performance.now() < end); // as a hook of the application may
      return false;
    };
    const { client, bytes, done } = recovering(slow);

    const whole = client.take(PLACE, 0n, { records: events(1_000, 10), next: 1_000n });

    expect(whole).toBe(false);
    expect(bytes()).toBe(0);
    expect(done()).toBeLessThan(100n);
  });

  it('goes on where the one before ended, with none twice and none left out', () => {
    const { client, offsets, done } = recovering();
    const records = events(100, 20_000);

    for (let whole = false; !whole;) whole = client.take(PLACE, done() + 1n, { records, next: 100n });

    expect(offsets()).toEqual(records.map(({ offset }) => offset));
    expect(done()).toBe(99n);
  });
});

describe('an event that is too old to be replayed', () => {
  it('is told of behind the results before it, though those go out in one piece', () => {
    const told: string[] = [];
    const session = {
      wantsEvent: () => true,
      sendRecovered: (piece: Buffer) => told.push(...[...textsIn(piece)].map(String)),
      send: (event: string) => told.push(event),
      passed: () => undefined,
    } as unknown as Session;
    const slab = new FrameSlab();
    const delivery = { frameFor: (_: Session, { offset }: RoutedRecord) => slab.frameOf(String(offset)) };
    const ledger = { get: () => undefined } as unknown as RequestLedger;
    const plan = { topics: new Map([['auction', undefined]]), missed: [{ ...PLACE, end: 4n, eventsFrom: 3n }] };
    const client = new RecoveringClient(session, plan as never, delivery as unknown as Delivery, ledger);
    const result = (offset: bigint) => ({ ...PLACE, kind: 'result', offset, identity: String(offset) }) as RoutedRecord;
    const [, , event, fresh] = events(4, 10);

    client.take(PLACE, 0n, { records: [result(0n), result(1n), event!, fresh!], next: 4n });

    expect(told).toEqual(['0', '1', 'incomplete', '3']);
  });
});
