import { describe, expect } from 'vitest';
import { TOPIC } from '../peer.js';
import { rule } from '../rule.js';

describe('requests', () => {
  rule('[request.1] [accepted.1] a request is accepted, with the place of its command', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const requestId = peer.request('Work', { ms: 0 }, { id: 'mine' });
    const { event, id, data } = await peer.answerTo(requestId);
    expect([event, id]).toEqual(['accepted', 'mine']);
    expect(data.at[0]).toBe(TOPIC);
    expect(data).not.toHaveProperty('outcome');
    const { at } = await peer.result(requestId);
    expect(at).not.toEqual(data.at);
  });

  rule('[request.4] a payload that is left out is null', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const [left, given] = [await peer.perform('Work', undefined), await peer.perform('Work', null)];
    expect(left).toEqual(given);
    expect(left).toMatchObject({ status: 'invalid', errors: [{ path: '' }] });
  });

  rule(
    '[request.5] [outcome.6] what is not done by the deadline ends in a time-out, soon after',
    async ({ gateway }) => {
      const peer = await gateway.welcome();
      const begun = performance.now();
      const outcome = await peer.perform('Work', { ms: 60_000 }, { ttl: 700 });
      expect(outcome).toMatchObject({ status: 'timeout', code: 'TIMEOUT' });
      expect(performance.now() - begun).toBeGreaterThan(600); // clocks of several machines
      expect(performance.now() - begun).toBeLessThan(7_000);
    },
  );

  rule('[request.6] what has aged has that much less time', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const begun = performance.now();
    const outcome = await peer.perform('Work', { ms: 60_000 }, { ttl: 30_000, age: 29_300 });
    expect(outcome).toMatchObject({ status: 'timeout' });
    expect(performance.now() - begun).toBeLessThan(7_000);
  });

  rule('[request.7] what is too old is unknown, and is not written', async ({ gateway }) => {
    const peer = await gateway.welcome({ channels: [TOPIC] });
    const lot = gateway.freshLot();
    const more = { ttl: 2_000, age: 3_600_000, key: `lot-${lot}` };
    const requestId = peer.request('PlaceBid', { lot, amount: 1 }, more);
    expect(await peer.answerTo(requestId)).toMatchObject({ event: 'error', data: { code: 'unknown' } });

    // Of the same key, so it would be behind the first one; and a higher bid would lead.
    expect(await peer.perform('PlaceBid', { lot, amount: 0.5 }, { key: `lot-${lot}` })).toMatchObject({
      status: 'success',
    });
    expect((await peer.event('Bid.Created', lot)).data.data.amount).toBe(0.5);
  });

  rule('[request.8] commands of one key are carried out one after the other', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const other = await gateway.welcome();
    const key = `line-${gateway.freshLot()}`;
    const slow = peer.request('Work', { ms: 700 }, { key });
    await peer.answerTo(slow);
    const begun = performance.now();
    await other.perform('Work', { ms: 0 }, { key }); // another session: the key is what counts
    expect(performance.now() - begun).toBeGreaterThan(300);
    expect(await peer.outcome(slow)).toMatchObject({ status: 'success' });
  });

  rule(
    '[order.3] requests of one socket and key are written and carried out in the order in which they were sent',
    async ({ gateway }) => {
      const peer = await gateway.welcome();
      const lot = gateway.freshLot();
      const amounts = Array.from({ length: 10 }, (_, i) => i + 1);
      const ids = amounts.map((amount) => peer.request('PlaceBid', { lot, amount }));
      const answers = await Promise.all(ids.map((requestId) => peer.answerTo(requestId)));
      const offsets = answers.map(({ data }) => BigInt(data.at[2] as string));
      expect(offsets).toEqual([...offsets].sort((one, two) => (one < two ? -1 : 1)));
      // In any other order a bid would be too low.
      const outcomes = await Promise.all(ids.map((requestId) => peer.outcome(requestId)));
      expect(outcomes.map(({ status }) => status)).toEqual(amounts.map(() => 'success'));
    },
  );

  rule('[request.9] a request that names another session is forbidden; its own it may name', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const other = await gateway.welcome();
    const forged = peer.request('Work', { ms: 0 }, { sessionId: other.identity.sessionId });
    expect(await peer.answerTo(forged)).toMatchObject({ event: 'error', data: { code: 'forbidden' } });
    const own = await peer.perform('Work', { ms: 0 }, { sessionId: peer.identity.sessionId });
    expect(own).toMatchObject({ status: 'success' });
    await other.caughtUp();
    expect(other.unread).toEqual([]);
  });

  rule('[request.10] a topic that is not served is forbidden', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const requestId = peer.request('Charge', {}, { topic: 'no-such-topic' });
    expect(await peer.answerTo(requestId)).toMatchObject({ event: 'error', data: { code: 'forbidden' } });
  });

  rule('[request.14] a progress that is neither true nor false is a bad frame', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const requestId = peer.request('Work', { ms: 0 }, { progress: 'yes' });
    expect(await peer.answerTo(requestId)).toMatchObject({ event: 'error', data: { code: 'bad_frame' } });
    expect(await peer.outcome(peer.request('Work', { ms: 0 }, { progress: true }))).toMatchObject({
      status: 'success',
    });
  });

  rule('[request.11] a ttl beyond the maximum is cut, not refused', async ({ gateway }) => {
    const peer = await gateway.welcome();
    expect(await peer.perform('Work', { ms: 0 }, { ttl: 1e12 })).toMatchObject({ status: 'success' });
  });

  rule('[cancel.1] a request cannot be cancelled: that is unsupported, and it goes on', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const requestId = peer.request('Work', { ms: 300, value: 'done' });
    await peer.answerTo(requestId);
    peer.send('cancel', { requestId }, 'c');
    expect(await peer.answer('c')).toMatchObject({ event: 'error', data: { code: 'unsupported', requestId } });
    expect(await peer.outcome(requestId)).toMatchObject({ value: { value: 'done' } });
  });

  rule('[error.2] an error never quotes the payload', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const secret = `secret-${crypto.randomUUID()}`;
    peer.sendText(`{"event":"request","data":{"payload":"${secret}"`);
    peer.request('Work', { secret }, { requestId: secret });
    peer.request('Work', { secret }, { ttl: secret });
    peer.request('Work', { secret }, { topic: 'no-such-topic' });
    peer.request('Work', { secret }, { ttl: 1, age: 1 });
    peer.send('cancel', { requestId: crypto.randomUUID(), secret });
    await peer.caughtUp();
    const errors = peer.unread.filter(({ event }) => event === 'error');
    expect(errors.length).toBeGreaterThanOrEqual(6);
    expect(JSON.stringify(errors)).not.toContain(secret);
  });
});

describe('outcomes', () => {
  rule('[outcome.2] success carries what was returned', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const value = { text: 'ü€🙂', list: [1, 2.5, null, true], nested: { empty: {} } };
    expect(await peer.perform('Work', { ms: 0, value })).toEqual({ status: 'success', value: { value } });
  });

  rule('[outcome.3] invalid names each property by its path, and nothing was done', async ({ gateway }) => {
    const peer = await gateway.welcome({ channels: [TOPIC] });
    const lot = gateway.freshLot();
    const outcome = await peer.perform('PlaceBid', { lot, amount: -5 });
    expect(outcome.status).toBe('invalid');
    expect(outcome.errors).toEqual([{ path: 'amount', constraints: expect.arrayContaining([expect.any(String)]) }]);
    expect(await peer.perform('PlaceBid', { lot, amount: 1 })).toMatchObject({ status: 'success' });
    expect((await peer.event('Bid.Created', lot)).data.data.amount).toBe(1);
  });

  rule('[outcome.4] rejected carries the code of the service', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const lot = gateway.freshLot();
    await peer.perform('PlaceBid', { lot, amount: 5 });
    const outcome = await peer.perform('PlaceBid', { lot, amount: 4 });
    expect(outcome).toMatchObject({ status: 'rejected', code: 'BID_TOO_LOW', message: expect.any(String) });
  });

  rule('[outcome.5] failed tells nobody how', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const outcome = await peer.perform('Work', { ms: 0, fail: 'throw' });
    expect(outcome).toMatchObject({ status: 'failed', code: 'INTERNAL' });
    expect(JSON.stringify(outcome)).not.toContain('The work was to fail');
  });

  rule('[outcome.6] a command that nobody handles ends in a time-out', async ({ gateway }) => {
    const peer = await gateway.welcome();
    expect(await peer.perform('Levitate', {}, { ttl: 300 })).toMatchObject({ status: 'timeout' });
  });

  rule('[outcome.1] a process that answers later has one outcome as well', async ({ gateway }) => {
    const peer = await gateway.welcome({ channels: [TOPIC] });
    const lot = gateway.freshLot();
    await peer.perform('PlaceBid', { lot, amount: 7 });
    const settled = await peer.perform('Settle', { lot });
    expect(settled).toMatchObject({ status: 'success', value: { lot, amount: 7 } });
    // The events and the answers of its steps lie around it; the watch knows of a second outcome.
    await peer.event('Lot.Sold', lot);
    await peer.perform('Work', { ms: 0 });
  });
});
