import { describe, expect } from 'vitest';
import { otherKey } from '../identity.js';
import { TOPIC } from '../peer.js';
import { rule } from '../rule.js';

describe('sessions', () => {
  rule('[hello.3] before the hello nothing else is taken, and a hello still is', async ({ gateway }) => {
    const peer = await gateway.connect();
    peer.send('subscribe', { channels: [TOPIC] }, 'early');
    expect(await peer.answer('early')).toMatchObject({ event: 'error', data: { code: 'bad_frame' } });
    peer.hello(gateway.withToken());
    // The watch takes an answer that comes before the welcome for wrong, unless it is an error.
    await peer.next('welcome');
  });

  rule('[hello.4] a second hello changes nothing', async ({ gateway }) => {
    const peer = await gateway.welcome({ channels: [TOPIC] });
    const lot = gateway.freshLot();
    peer.hello(gateway.withToken({ channels: [] }), 'again');
    expect(await peer.answer('again')).toMatchObject({ event: 'error', data: { code: 'bad_frame' } });
    await peer.perform('PlaceBid', { lot, amount: 1 });
    await peer.event('Bid.Created', lot);
  });

  rule('[hello.5] a token that is not accepted, or none, is closed with 4500', async ({ gateway, skip }) => {
    skip(gateway.target.token === undefined, 'everybody is let in, as far as is known here; give --token');
    for (const token of ['no such token', undefined]) {
      const peer = await gateway.connect();
      peer.hello(token === undefined ? {} : { token });
      expect(await peer.closeCode(), `token ${token}`).toBe(4500);
      expect(peer.unread.filter(({ event }) => event === 'welcome')).toEqual([]);
    }
  });

  rule('[hello.6] channels that are refused are told after the welcome, and the rest goes on', async ({ gateway }) => {
    const peer = await gateway.connect();
    const lot = gateway.freshLot();
    peer.hello(gateway.withToken({ channels: ['no-such-topic', TOPIC, 'nor-this'] }), 'h');
    expect(await peer.next(() => true)).toMatchObject({ event: 'welcome', id: 'h' });
    for (const channel of ['no-such-topic', 'nor-this']) {
      const error = { event: 'error', id: 'h', data: { code: 'forbidden', details: { channel } } };
      expect(await peer.next('error')).toMatchObject(error);
    }
    await peer.perform('PlaceBid', { lot, amount: 1 });
    await peer.event('Bid.Created', lot);
  });

  rule('[hello.7] [request.2] several sockets of a session share nothing but its results', async ({ gateway }) => {
    const one = await gateway.welcome({ channels: [TOPIC] });
    const other = await gateway.welcome({}, { identity: one.identity });
    const lot = gateway.freshLot();
    const requestId = one.request('PlaceBid', { lot, amount: 1 });
    expect(await one.outcome(requestId)).toMatchObject({ status: 'success' });
    expect(await other.outcome(requestId)).toMatchObject({ status: 'success' });
    await one.event('Bid.Created', lot);
    await other.caughtUp();
    expect(other.unread.filter(({ event }) => event === 'accepted' || event.endsWith('/broadcast'))).toEqual([]);
  });

  rule('[hello.8] types that the hello names are the only ones that come', async ({ gateway }) => {
    const lot = gateway.freshLot();
    const all = await gateway.welcome({ channels: [TOPIC] });
    const some = await gateway.welcome({ channels: [TOPIC], types: { [TOPIC]: ['Reserve.Changed'] } });
    const none = await gateway.welcome({ channels: [] });
    await all.perform('PlaceBid', { lot, amount: 1 });
    await all.event('Bid.Created', lot);
    await all.perform('SetReserve', { lot, amount: 1 });

    await some.event('Reserve.Changed', lot); // of the lot's own partition, so a bid would have come before it
    await all.event('Reserve.Changed', lot);
    await none.caughtUp();
    expect(some.unread.filter(({ data }) => data.type === 'Bid.Created')).toEqual([]);
    expect(none.unread).toEqual([]);
  });

  rule('[welcome.1] [welcome.2] the welcome says who, where and how much', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const { sessionId, positions } = peer.welcomed;
    expect(sessionId).toBe(peer.identity.sessionId);
    expect(Object.keys(positions[TOPIC])).not.toEqual([]);
    const { data } = await peer.answerTo(peer.request('Work', { ms: 0 }));
    expect(positions[TOPIC]).toHaveProperty(String(data.at[1]));
  });

  rule('[welcome.3] the epoch is the same on every socket', async ({ gateway }) => {
    const [one, other] = [await gateway.welcome(), await gateway.welcome({ epoch: 'another' })];
    expect(other.welcomed.epoch).toBe(one.welcomed.epoch);
  });

  rule(
    '[result.2] [repeat.5] the same session under another key gets nothing of the first one',
    async ({ gateway }) => {
      const owner = await gateway.welcome();
      const thief = await gateway.welcome({}, { identity: await otherKey(owner.identity) });
      const requestId = owner.request('Work', { ms: 0, value: 'private' });
      const { data: first } = await owner.answerTo(requestId);
      expect(await owner.outcome(requestId)).toMatchObject({ value: { value: 'private' } });

      thief.request('Work', { ms: 0, value: 'of its own' }, { requestId });
      const { event, data: second } = await thief.answerTo(requestId);
      expect(event).toBe('accepted'); // another request, since the key is another
      expect(second).not.toHaveProperty('outcome');
      expect(second.at).not.toEqual(first.at);
      // Both results stand in the session's partition, so the first one would have come before it.
      expect(await thief.outcome(requestId)).toMatchObject({ value: { value: 'of its own' } });
      await owner.caughtUp();
      expect(owner.unread).toEqual([]);
    },
  );
});
