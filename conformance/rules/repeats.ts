import { describe, expect } from 'vitest';
import { TOPIC } from '../peer.js';
import { rule } from '../rule.js';

describe('a request that is sent again', () => {
  rule('[repeat.1] [accepted.2] is accepted at the same place, with its outcome', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const more = { ttl: 20_000 };
    const requestId = peer.request('Work', { ms: 0, value: 1 }, more);
    const { data: first } = await peer.answerTo(requestId);
    const result = await peer.result(requestId);

    peer.request('Work', { ms: 0, value: 1 }, { ...more, requestId, age: 100 });
    const { event, data: again } = await peer.answerTo(requestId);
    expect(event).toBe('accepted');
    expect(again.at).toEqual(first.at);
    expect(again.outcome.at).toEqual(result.at);
    expect(again.outcome.sealed.iv).not.toBe(result.sealed.iv); // sealed anew, and never under one nonce
    expect(await peer.open(requestId, again.outcome.sealed)).toEqual({ status: 'success', value: { value: 1 } });
    expect(await peer.open(requestId, result.sealed)).toEqual({ status: 'success', value: { value: 1 } });
  });

  rule('[repeat.1] is accepted with its outcome on another socket as well', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const requestId = peer.request('Work', { ms: 0, fail: 'reject' });
    expect(await peer.outcome(requestId)).toMatchObject({ status: 'rejected' });
    await peer.cut();

    const later = await gateway.welcome({}, { identity: peer.identity });
    later.request('Work', { ms: 0, fail: 'reject' }, { requestId, age: 500 });
    const { data } = await later.answerTo(requestId);
    expect(await later.open(requestId, data.outcome.sealed)).toMatchObject({ status: 'rejected' });
  });

  rule(
    '[repeat.1] is accepted without an outcome while there is none, and ends on each socket',
    async ({ gateway }) => {
      const peer = await gateway.welcome();
      const other = await gateway.welcome({}, { identity: peer.identity });
      const requestId = peer.request('Work', { ms: 1_000, value: 'slow' });
      const { data: first } = await peer.answerTo(requestId);
      other.request('Work', { ms: 1_000, value: 'slow' }, { requestId });
      const { data: second } = await other.answerTo(requestId);
      expect(second).toEqual(first);
      for (const socket of [peer, other])
        expect(await socket.outcome(requestId)).toMatchObject({ value: { value: 'slow' } });
    },
  );

  rule('[repeat.2] is not carried out twice', async ({ gateway }) => {
    const peer = await gateway.welcome({ channels: [TOPIC] });
    const other = await gateway.welcome({}, { identity: peer.identity });
    const [lot, key] = [gateway.freshLot(), `key-${gateway.freshLot()}`];
    const requestId = peer.request('SetReserve', { lot, amount: 10 }, { key });
    for (const socket of [peer, other]) {
      for (let i = 0; i < 3; i++) socket.request('SetReserve', { lot, amount: 10 }, { requestId, key });
    }
    await peer.outcome(requestId);
    await other.outcome(requestId);
    peer.request('SetReserve', { lot, amount: 10 }, { requestId, key });
    await peer.perform('PlaceBid', { lot, amount: 10 }, { key }); // behind all of them, and its event behind theirs

    await peer.event('Bid.Created', lot);
    const changes = peer.unread.filter(({ data }) => data.type === 'Reserve.Changed' && data.key === `lot-${lot}`);
    expect(changes).toHaveLength(1);
  });

  rule('[repeat.3] is a conflict with another payload, command or key', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const requestId = peer.request('Work', { ms: 0, value: 1 });
    await peer.outcome(requestId);
    const { sessionId } = peer.identity;
    await peer.answerTo(requestId);
    const conflict = { event: 'error', data: { code: 'conflict', requestId } };
    peer.request('Work', { ms: 0, value: 2 }, { requestId });
    expect(await peer.answerTo(requestId)).toMatchObject(conflict);
    peer.request('Work', { value: 1, ms: 0 }, { requestId }); // the same members in another order
    expect(await peer.answerTo(requestId)).toMatchObject(conflict);
    peer.request('GetReserve', { ms: 0, value: 1 }, { requestId });
    expect(await peer.answerTo(requestId)).toMatchObject(conflict);
    peer.request('Work', { ms: 0, value: 1 }, { requestId, key: 'another' });
    expect(await peer.answerTo(requestId)).toMatchObject(conflict);
    peer.request('Work', { ms: 0, value: 1 }, { requestId, key: sessionId }); // what it is where it is left out
    expect(await peer.answerTo(requestId)).toMatchObject({ event: 'accepted' });
  });

  rule('[repeat.4] keeps the deadline that it had', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const requestId = peer.request('Work', { ms: 60_000 }, { ttl: 1_500 });
    await peer.answerTo(requestId);
    peer.request('Work', { ms: 60_000 }, { requestId, ttl: 60_000 });
    await peer.answerTo(requestId);
    expect(await peer.outcome(requestId, 10_000)).toMatchObject({ status: 'timeout' });
  });

  rule('[repeat.5] is another request under another session', async ({ gateway }) => {
    const [one, other] = [await gateway.welcome(), await gateway.welcome()];
    const requestId = one.request('Work', { ms: 0, value: 'one' });
    expect(await one.outcome(requestId)).toMatchObject({ value: { value: 'one' } });
    other.request('Work', { ms: 0, value: 'other' }, { requestId });
    expect((await other.answerTo(requestId)).data).not.toHaveProperty('outcome');
    expect(await other.outcome(requestId)).toMatchObject({ value: { value: 'other' } });
  });

  rule('[repeat.6] is answered, however old it is, where it is known', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const requestId = peer.request('Work', { ms: 0 }, { ttl: 1_000 });
    const outcome = await peer.outcome(requestId);
    peer.request('Work', { ms: 0 }, { requestId, ttl: 1_000, age: 100_000 });
    await peer.answerTo(requestId); // the first one's
    const { event, data } = await peer.answerTo(requestId);
    expect(event).toBe('accepted');
    expect(await peer.open(requestId, data.outcome.sealed)).toEqual(outcome);
  });
});
