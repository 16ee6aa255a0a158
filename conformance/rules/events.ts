import { describe, expect } from 'vitest';
import { type Peer, TOPIC } from '../peer.js';
import { rule } from '../rule.js';

describe('broadcasts', () => {
  rule(
    '[broadcast.1] an event comes with its data, its time and the request that it follows from',
    async ({ gateway }) => {
      const peer = await gateway.welcome({ channels: [TOPIC] });
      const lot = gateway.freshLot();
      const requestId = peer.request('PlaceBid', { lot, amount: 120 });
      const { data } = await peer.event('Bid.Created', lot);
      expect(data).toMatchObject({ type: 'Bid.Created', key: `lot-${lot}`, requestId });
      expect(data.data).toEqual({ lot, amount: 120, leading: true });
      expect(data.id).not.toBe('');
      expect(Math.abs(Date.now() - Date.parse(data.time as string))).toBeLessThan(3_600_000); // clocks of several machines
    },
  );

  rule(
    '[broadcast.2] an event of which only metadata is broadcast has no data; who wants it asks',
    async ({ gateway }) => {
      const [teller, peer] = [await gateway.welcome(), await gateway.welcome({ channels: [TOPIC] })];
      const lot = gateway.freshLot();
      await teller.perform('SetReserve', { lot, amount: 500 });
      expect((await peer.event('Reserve.Changed', lot)).data).not.toHaveProperty('data');
      expect(await peer.perform('GetReserve', { lot })).toMatchObject({ value: { lot, amount: 500 } });
    },
  );

  rule('[broadcast.3] an event comes to everybody who listens, and to nobody else', async ({ gateway }) => {
    const lot = gateway.freshLot();
    const listeners = [await gateway.welcome({ channels: [TOPIC] }), await gateway.welcome({ channels: [TOPIC] })];
    const deaf = await gateway.welcome();
    await deaf.perform('PlaceBid', { lot, amount: 1 });
    for (const listener of listeners) await listener.event('Bid.Created', lot);
    await deaf.caughtUp();
    expect(deaf.unread.filter(({ event }) => event.endsWith('/broadcast'))).toEqual([]);
  });

  rule('[result.1] [result.3] a result comes on the channel of its session, subscribed or not', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const requestId = peer.request('Work', { ms: 0 });
    const frame = await peer.next(({ event }) => event.startsWith('socket/'));
    expect(frame.event).toBe(`socket/${TOPIC}/${peer.identity.sessionId}`);
    expect(frame.data).toMatchObject({ requestId, at: [TOPIC, expect.any(Number), expect.any(String)] });
  });

  rule('[order.2] [position.1] what comes keeps the order of its partition while many write', async ({ gateway }) => {
    const peer = await gateway.welcome({ channels: [TOPIC] });
    const bidders = await Promise.all([1, 2, 3, 4].map(() => gateway.welcome()));
    const lots = bidders.map(() => gateway.freshLot());
    const bids = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    await Promise.all(
      bidders.flatMap((bidder, i) => bids.map((amount) => bidder.perform('PlaceBid', { lot: lots[i], amount }))),
    );
    for (const lot of lots) {
      const amounts: number[] = [];
      while (amounts.length < bids.length)
        amounts.push((await peer.event('Bid.Created', lot)).data.data.amount as number);
      expect(amounts).toEqual(bids);
    }
  });
});

describe('subscriptions', () => {
  rule('[subscribe.1] all that follows the positions of the answer comes', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const bidder = await gateway.welcome();
    const lot = gateway.freshLot();
    peer.send('subscribe', { channels: [TOPIC] }, 's');
    const { event, data } = await peer.answer('s');
    expect(event).toBe('subscribed');
    expect(data.channels).toEqual([TOPIC]);
    expect(data).not.toHaveProperty('types');
    expect(Object.keys(data.positions)).toEqual([TOPIC]);
    expect(Object.keys(data.positions[TOPIC])).toEqual(Object.keys(peer.welcomed.positions[TOPIC]));
    await bidder.perform('PlaceBid', { lot, amount: 1 });
    await peer.event('Bid.Created', lot);
  });

  rule('[subscribe.2] types replace those of before, and without types all come', async ({ gateway }) => {
    const peer = await gateway.welcome({ channels: [TOPIC], types: { [TOPIC]: ['Reserve.Changed'] } });
    const bidder = await gateway.welcome();
    const lot = gateway.freshLot();
    const types = ['Lot.Sold', 'Bid.Created'];
    peer.send('subscribe', { channels: [TOPIC], types }, 's');
    expect((await peer.answer('s')).data).toMatchObject({ channels: [TOPIC], types });
    await bidder.perform('SetReserve', { lot, amount: 1 });
    await bidder.perform('PlaceBid', { lot, amount: 1 });
    await peer.event('Bid.Created', lot);
    expect(eventsOf(peer, lot, 'Reserve.Changed')).toEqual([]);

    peer.send('subscribe', { channels: [TOPIC] }, 'all');
    expect((await peer.answer('all')).data).not.toHaveProperty('types');
    await bidder.perform('SetReserve', { lot, amount: 2 });
    await peer.event('Reserve.Changed', lot);
  });

  rule('[subscribe.3] a channel that is refused is told, and the rest is opened', async ({ gateway }) => {
    const peer = await gateway.welcome();
    peer.send('subscribe', { channels: ['no-such-topic', TOPIC] }, 's');
    const frames = [await peer.answer('s'), await peer.answer('s')];
    const refused = { event: 'error', data: { code: 'forbidden', details: { channel: 'no-such-topic' } } };
    expect(frames.find(({ event }) => event === 'error')).toMatchObject(refused);
    expect(frames.find(({ event }) => event === 'subscribed')).toMatchObject({ data: { channels: [TOPIC] } });
  });

  rule('[subscribe.3] where all are refused, the errors are the answer', async ({ gateway }) => {
    const peer = await gateway.welcome();
    peer.send('subscribe', { channels: ['no-such-topic', 'nor-this'] }, 's');
    await peer.caughtUp();
    expect(peer.unread.map(({ event, id, data }) => [event, id, data.details?.channel])).toEqual([
      ['error', 's', 'no-such-topic'],
      ['error', 's', 'nor-this'],
    ]);
  });

  rule('[unsubscribe.1] no event follows the answer', async ({ gateway }) => {
    const [peer, other] = [await gateway.welcome({ channels: [TOPIC] }), await gateway.welcome({ channels: [TOPIC] })];
    const lot = gateway.freshLot();
    peer.send('unsubscribe', { channels: [TOPIC] }, 'u');
    expect(await peer.answer('u')).toMatchObject({ event: 'unsubscribed', data: { channels: [TOPIC] } });
    const before = peer.unread.length;
    await other.perform('PlaceBid', { lot, amount: 1 });
    await other.event('Bid.Created', lot);
    await peer.caughtUp();
    expect(peer.unread.slice(before)).toEqual([]);
    expect(await peer.perform('Work', { ms: 0 })).toMatchObject({ status: 'success' }); // results come all the same
  });

  rule('[unsubscribe.2] only the types that are named are taken away', async ({ gateway }) => {
    const types = { [TOPIC]: ['Reserve.Changed', 'Bid.Created'] };
    const peer = await gateway.welcome({ channels: [TOPIC], types });
    const lot = gateway.freshLot();
    peer.send('unsubscribe', { channels: [TOPIC], types: ['Reserve.Changed'] }, 'u');
    expect((await peer.answer('u')).data).toMatchObject({ channels: [TOPIC], types: ['Reserve.Changed'] });
    await peer.perform('SetReserve', { lot, amount: 1 });
    await peer.perform('PlaceBid', { lot, amount: 1 });
    await peer.event('Bid.Created', lot);
    expect(eventsOf(peer, lot, 'Reserve.Changed')).toEqual([]);
  });

  rule('[unsubscribe.3] types cannot be taken away from all', async ({ gateway }) => {
    const peer = await gateway.welcome({ channels: [TOPIC] });
    const lot = gateway.freshLot();
    peer.send('unsubscribe', { channels: [TOPIC], types: ['Bid.Created'] }, 'u');
    expect(await peer.answer('u')).toMatchObject({ event: 'error', data: { code: 'bad_frame' } });
    await peer.perform('PlaceBid', { lot, amount: 1 });
    await peer.event('Bid.Created', lot);
  });

  rule('[unsubscribe.1] a channel that was not open is answered as well', async ({ gateway }) => {
    const peer = await gateway.welcome();
    peer.send('unsubscribe', { channels: [TOPIC, 'no-such-topic'] }, 'u');
    expect(await peer.answer('u')).toMatchObject({ event: 'unsubscribed' });
  });
});

describe('tokens', () => {
  rule('[refresh.1] a new token is taken on the open socket', async ({ gateway }) => {
    const peer = await gateway.welcome();
    peer.send('refresh', { token: gateway.target.token ?? 'any, since everybody is let in' }, 't');
    expect(await peer.answer('t')).toMatchObject({ event: 'refreshed' });
    expect(await peer.perform('Work', { ms: 0 })).toMatchObject({ status: 'success' });
  });

  rule('[refresh.2] a new token that is not accepted is closed with 4500', async ({ gateway, skip }) => {
    skip(gateway.target.token === undefined, 'everybody is let in, as far as is known here; give --token');
    const peer = await gateway.welcome();
    peer.send('refresh', { token: 'no such token' });
    expect(await peer.closeCode()).toBe(4500);
  });

  rule('[refresh.3] a new token of another user is closed with 4503', async ({ gateway, skip }) => {
    const { otherToken } = gateway.target;
    skip(otherToken === undefined, 'another user is needed; give --token and --other-token');
    const peer = await gateway.welcome();
    peer.send('refresh', { token: otherToken });
    expect(await peer.closeCode()).toBe(4503);
  });

  rule('[result.2] a result does not go to another user of the same session and key', async ({ gateway, skip }) => {
    const { otherToken } = gateway.target;
    skip(otherToken === undefined, 'another user is needed; give --token and --other-token');
    const owner = await gateway.welcome();
    const other = await gateway.welcome({ token: otherToken }, { identity: owner.identity });
    const requestId = owner.request('Work', { ms: 0 });
    expect(await owner.outcome(requestId)).toMatchObject({ status: 'success' });
    expect(await other.perform('Work', { ms: 0 })).toMatchObject({ status: 'success' });
    expect(other.unread.filter(({ data }) => data.requestId === requestId)).toEqual([]);
  });
});

/** Others may change reserves, too. */
function eventsOf(peer: Peer, lot: number, type: string): Peer['unread'] {
  return peer.unread.filter(({ data }) => data.type === type && data.key === `lot-${lot}`);
}
