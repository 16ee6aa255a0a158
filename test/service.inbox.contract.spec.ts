import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ClaimStore } from '../lib/service/inbox/claim.store.js';
import { INBOX_KINDS, sharedStores } from './support/inboxes.js';

const OURS = { state: 'ours' };
const HELD = { state: 'held' };
const DONE = { state: 'done', completion: '{"outcome":"Zoë – 遅い"}' };

describe.each(INBOX_KINDS)('claims kept in %s', (kind) => {
  beforeEach(() => Logger.overrideLogger(false));

  /** Two instances of a service that share what they know. */
  async function two(given = {}): Promise<[ClaimStore, ClaimStore]> {
    const make = sharedStores(kind, given);
    const stores: [ClaimStore, ClaimStore] = [make(), make()];
    for (const store of stores) await store.start('log:service');
    return stores;
  }

  it('are had by the first who asks, and by nobody else', async () => {
    const [one, other] = await two();

    expect(await one.claim('key', 'a')).toEqual(OURS);

    expect(await other.claim('key', 'b')).toEqual(HELD);
    expect(await other.claim('another', 'b')).toEqual(OURS);
  });

  it('go to one of many who ask at the same time', async () => {
    const stores = await two();

    const asked = Array.from({ length: 200 }, (_, index) => stores[index % 2]!.claim('key', `holder-${index}`));
    const states = (await Promise.all(asked)).map(({ state }) => state);

    expect(states.filter((state) => state === 'ours')).toHaveLength(1);
    expect(states.filter((state) => state === 'held')).toHaveLength(199);
  });

  it('end with what came of it, which everybody is told from then on', async () => {
    const [one, other] = await two();
    await one.claim('key', 'a');

    expect(await one.complete('key', 'a', DONE.completion)).toEqual(OURS);

    expect(await other.claim('key', 'b')).toEqual(DONE);
    expect(await one.claim('key', 'c')).toEqual(DONE);
    expect(await other.complete('key', 'b', '{"other":true}')).toEqual(DONE);
  });

  it('can be completed twice: who heard nothing asks again', async () => {
    const [one, other] = await two();
    await one.claim('key', 'a');
    await one.complete('key', 'a', DONE.completion);

    expect(await one.complete('key', 'a', DONE.completion)).toEqual(DONE);
    expect(await other.claim('key', 'b')).toEqual(DONE);
  });

  it('are free again when they are given back, by who has them', async () => {
    const [one, other] = await two();
    await one.claim('key', 'a');

    await other.release('key', 'b');
    expect(await other.claim('key', 'b')).toEqual(HELD);
    await one.release('key', 'a');
    expect(await other.claim('key', 'b')).toEqual(OURS);
  });

  it('are not undone by giving them back once they are completed', async () => {
    const [one, other] = await two();
    await one.claim('key', 'a');
    await one.complete('key', 'a', DONE.completion);

    await one.release('key', 'a');

    expect(await other.claim('key', 'b')).toEqual(DONE);
  });

  it('last while they are renewed, and are free after the lease', async () => {
    const lease = 1_000;
    const [one, other] = await two({ lease });
    await one.claim('key', 'a');
    const begun = performance.now();
    // Renewed for longer than a lease: somebody else asks each time, and finds it held.
    while (performance.now() - begun < 1.5 * lease) {
      expect(await one.claim('key', 'a')).toEqual(OURS);
      expect(await other.claim('key', 'b')).toEqual(HELD);
    }

    await vi.waitUntil(async () => (await other.claim('key', 'b')).state === 'ours', { timeout: 5_000 });
    expect(await one.claim('key', 'a')).toEqual(HELD);
  });

  it('are overwritten by no holder who sleeps through his lease', async () => {
    const [one, other] = await two({ lease: 50 });
    await one.claim('key', 'zombie');
    await vi.waitUntil(async () => (await other.claim('key', 'b')).state === 'ours', { timeout: 5_000 });

    await one.release('key', 'zombie');
    expect(await one.complete('key', 'zombie', '{"zombie":true}')).not.toEqual(OURS);
    expect(await other.complete('key', 'b', DONE.completion)).toEqual(OURS);

    expect(await one.complete('key', 'zombie', '{"zombie":true}')).toEqual(DONE);
    expect(await one.claim('key', 'zombie')).toEqual(DONE);
  });

  it('can be completed after the lease where nobody else has claimed it', async () => {
    const [one, other] = await two({ lease: 1 });
    await one.claim('key', 'a');
    // Another key, claimed and free again: by then ours is over as well.
    await one.claim('clock', 'a');
    await vi.waitUntil(async () => (await other.claim('clock', 'b')).state === 'ours', { timeout: 5_000 });

    expect(await one.complete('key', 'a', DONE.completion)).toEqual(OURS);
    expect(await other.claim('key', 'b')).toEqual(DONE);
  });

  it('are forgotten after the window', async () => {
    const [one, other] = await two({ window: 100 });
    await one.claim('key', 'a');
    await one.complete('key', 'a', DONE.completion);

    await vi.waitUntil(async () => (await other.claim('key', 'b')).state === 'ours', { timeout: 5_000 });
  });

  it('stop twice as well as once', async () => {
    const [one] = await two();
    await Promise.all([one.stop(), one.stop()]);
    await expect(one.stop()).resolves.toBeUndefined();
  });
});

describe('claims of other services, or on another log', () => {
  it.runIf(INBOX_KINDS.includes('redis'))('are none of ours, in one Redis', async () => {
    const make = sharedStores('redis');
    const [here, there] = [make(), make()];
    await here.start(`log:${randomUUID()}`);
    await there.start(`log:${randomUUID()}`);
    await here.claim('key', 'a');

    expect(await there.claim('key', 'b')).toEqual(OURS);
  });
});

describe('what is kept in memory', () => {
  it('is bounded: the oldest is forgotten first', async () => {
    const store = sharedStores('memory', { maxBytes: 100_000 })();
    const completion = 'x'.repeat(1_000);
    for (let index = 0; index < 1_000; index++) {
      await store.claim(`key-${index}`, 'a');
      await store.complete(`key-${index}`, 'a', completion);
    }

    const states = await Promise.all(Array.from({ length: 1_000 }, (_, index) => store.claim(`key-${index}`, 'b')));
    const known = states.map(({ state }) => state).lastIndexOf('ours');
    expect(states.slice(known + 1).every(({ state }) => state === 'done')).toBe(true);
    expect(1_000 - known - 1).toBeGreaterThan(30);
    expect(1_000 - known - 1).toBeLessThanOrEqual(50); // 2 bytes a character and 150 an entry
  });
});
