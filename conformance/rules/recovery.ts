import { describe, expect } from 'vitest';
import type { Gateway, WelcomePeer } from '../gateway.js';
import { otherKey } from '../identity.js';
import { type Peer, TOPIC } from '../peer.js';
import { rule } from '../rule.js';

/** Records of a partition up to which all of it is asked for: a busy gateway holds more than a test should read. */
const READABLE = 20_000n;

describe('recovery', () => {
  rule(
    '[recovery.1] [recovery.4] [order.1] events and results that were missed come once, in order, before recovered, before live',
    async ({ gateway }) => {
      const { peer, bidder, lot } = await start(gateway);
      const witness = await gateway.welcome({}, peer);
      const requestId = peer.request('Work', { ms: 200, value: 'missed' });
      await peer.answerTo(requestId);
      await peer.cut();
      await bid(bidder, lot, [1, 2, 3]);
      await witness.outcome(requestId);

      const back = await gateway.welcome({ channels: [TOPIC], positions: peer.welcomed.positions }, peer);
      expect(await recovered(back)).toMatchObject({ complete: true });
      const missed = [...back.unread];
      await bid(bidder, lot, [4]);
      await nextBid(back, lot, 4);

      expect(amounts(missed, lot)).toEqual([1, 2, 3]);
      const results = missed.filter(({ event }) => event === back.channel);
      expect(results.map(({ data }) => data.requestId)).toEqual([requestId]);
      expect(await back.open(requestId, results[0]!.data.sealed)).toMatchObject({ value: { value: 'missed' } });
    },
  );

  rule('[recovery.2] a result that comes again is sealed for the key of its request alone', async ({ gateway }) => {
    const peer = await gateway.welcome();
    const requestId = peer.request('Work', { ms: 0, value: 'mine' });
    const outcome = await peer.outcome(requestId);
    const positions = { positions: peer.welcomed.positions };

    const other = await gateway.welcome(positions, { identity: await otherKey(peer.identity) });
    expect(await recovered(other)).toMatchObject({ complete: true, count: 0 });
    const again = await gateway.welcome(positions, peer);
    expect(await recovered(again)).toMatchObject({ complete: true, count: 1 });
    expect(await again.outcome(requestId)).toEqual(outcome);
  });

  rule('[recovery.3] without positions nothing is recovered', async ({ gateway }) => {
    const peer = await gateway.welcome({ channels: [TOPIC] });
    const requestId = peer.request('Work', { ms: 0 });
    await peer.outcome(requestId);
    await peer.cut();
    const back = await gateway.welcome({ channels: [TOPIC] }, peer);
    expect(await back.perform('Work', { ms: 0 })).toMatchObject({ status: 'success' });
    expect(back.unread.filter(({ event, data }) => event === 'recovered' || data.requestId === requestId)).toEqual([]);
  });

  rule('[position.2] [subscribe.1] what subscribed names can be sent back as it is', async ({ gateway }) => {
    const { peer, bidder, lot } = await start(gateway);
    await bid(bidder, lot, [1]);
    await nextBid(peer, lot, 1);
    peer.send('subscribe', { channels: [TOPIC] }, 's');
    const { positions } = (await peer.answer('s')).data;
    await peer.cut();
    await bid(bidder, lot, [2, 3]);
    const back = await gateway.welcome({ channels: [TOPIC], positions, epoch: peer.welcomed.epoch }, peer);
    expect(await recovered(back)).toMatchObject({ complete: true });
    expect(amounts(back.unread, lot)).toEqual([2, 3]);
  });

  rule(
    '[position.3] [position.4] all of a partition comes for "-1", and where it is absent from a topic that is named',
    async ({ gateway, skip }) => {
      const peer = await gateway.welcome();
      const longest = maximum(Object.values(peer.welcomed.positions[TOPIC] as Record<string, string>).map(BigInt));
      skip(
        longest > READABLE,
        `the log holds up to ${longest} records a partition, too many to read them all in a test`,
      );
      const ids = [peer.request('Work', { ms: 0 }), peer.request('Work', { ms: 0, fail: 'reject' })];
      for (const requestId of ids) await peer.outcome(requestId);

      const wanted = Object.keys(peer.welcomed.positions[TOPIC]).map((partition) => [partition, '-1']);
      for (const partitions of [Object.fromEntries(wanted), {}]) {
        const types = { [TOPIC]: ['None.Such'] };
        const back = await gateway.welcome({ channels: [TOPIC], types, positions: { [TOPIC]: partitions } }, peer);
        // Where the log is older than what it holds, the beginning cannot be had.
        expect([undefined, 'retention']).toContain((await recovered(back)).reason);
        const results = back.unread.filter(({ event }) => event === back.channel);
        expect(results.map(({ data }) => data.requestId)).toEqual(ids);
      }
    },
  );

  rule('[position.5] a topic that is absent is live only', async ({ gateway }) => {
    const { peer, bidder, lot } = await start(gateway);
    await peer.cut();
    await bid(bidder, lot, [1]);
    const back = await gateway.welcome({ channels: [TOPIC], positions: {} }, peer);
    await bid(bidder, lot, [2]);
    await nextBid(back, lot, 2);
    expect(back.unread.filter(({ event }) => event === 'recovered')).toEqual([]);
  });

  rule('[recovery.5] there is neither a gap nor an overlap while others write', async ({ gateway }) => {
    const { peer, bidder, lot } = await start(gateway);
    const all = Array.from({ length: 60 }, (_, i) => i + 1);
    const writing = bid(bidder, lot, all);
    const seen: number[] = [];
    let [back, position]: [Peer, Record<string, string>] = [peer, { ...peer.welcomed.positions[TOPIC] }];
    while (seen.length < all.length) {
      const first = await back.next(({ event }) => event.endsWith('/broadcast'));
      const got = [first, ...back.unread.filter(({ event }) => event.endsWith('/broadcast'))];
      seen.push(...amounts(got, lot));
      for (const { data } of got) position[data.at[1]] = data.at[2] as string;
      await back.cut();
      back = await gateway.welcome({ channels: [TOPIC], positions: { [TOPIC]: position } }, peer);
      position = { ...position };
    }
    await writing;
    expect(seen).toEqual(all);
  });

  rule('[recovery.6] the types that are wanted now are those that come', async ({ gateway }) => {
    const { peer, bidder, lot } = await start(gateway);
    await peer.cut();
    await bidder.perform('SetReserve', { lot, amount: 1 });
    await bid(bidder, lot, [1]); // behind the reserve, in the lot's partition
    const { positions } = peer.welcomed;
    const back = await gateway.welcome({ channels: [TOPIC], types: { [TOPIC]: ['Reserve.Changed'] }, positions }, peer);
    await recovered(back);
    await back.event('Reserve.Changed', lot);
    expect(amounts(back.unread, lot)).toEqual([]);
    const none = await gateway.welcome({ channels: [], positions }, peer);
    expect(await recovered(none)).toMatchObject({ complete: true, count: 0 });
  });

  rule(
    '[recovery.7] [epoch.1] positions of another epoch are no reason to be refused; nothing is replayed',
    async ({ gateway }) => {
      const { peer, bidder, lot } = await start(gateway);
      await bid(bidder, lot, [1]);
      const { positions } = peer.welcomed;
      const back = await gateway.welcome({ channels: [TOPIC], positions, epoch: 'of another log' }, peer);
      // What others write meanwhile counts as well, but nothing that lies below the welcome's positions: the watch sees to that.
      expect(await recovered(back)).toMatchObject({ topic: TOPIC, complete: false, reason: 'epoch' });
      expect(amounts(back.unread, lot)).toEqual([]);
      await bid(bidder, lot, [2]);
      expect((await back.event('Bid.Created', lot)).data.data.amount).toBe(2);
    },
  );

  rule('[recovery.8] a position behind the end is told as future, and live goes on', async ({ gateway }) => {
    const { peer, bidder, lot } = await start(gateway);
    const partitions = Object.keys(peer.welcomed.positions[TOPIC]);
    const far = Object.fromEntries(partitions.map((partition) => [partition, '9223372036854775807']));
    const back = await gateway.welcome({ channels: [TOPIC], positions: { [TOPIC]: far } }, peer);
    expect(await recovered(back)).toMatchObject({ topic: TOPIC, complete: false, reason: 'future' });
    await bid(bidder, lot, [1]);
    await nextBid(back, lot, 1);
  });

  rule(
    '[recovery.8] a partition that is not there is told as future, and the others are recovered',
    async ({ gateway }) => {
      const { peer, bidder, lot } = await start(gateway);
      await peer.cut();
      await bid(bidder, lot, [1]);
      const positions = { [TOPIC]: { ...peer.welcomed.positions[TOPIC], 99999: '7' } };
      const back = await gateway.welcome({ channels: [TOPIC], positions }, peer);
      expect(back.welcomed.positions[TOPIC]).not.toHaveProperty('99999');
      expect(await recovered(back)).toMatchObject({ complete: false, reason: 'future' });
      expect(amounts(back.unread, lot)).toEqual([1]);
    },
  );

  rule(
    '[recovery.9] [recovery.13] of a topic that is not served nothing can be had, and that is told at once',
    async ({ gateway }) => {
      const back = await gateway.welcome({ positions: { 'no-such-topic': { 0: '7' } } });
      const told = { topic: 'no-such-topic', complete: false, reason: 'retention', count: 0 };
      expect(await recovered(back)).toEqual(told);
      expect(back.unread).toEqual([{ event: 'incomplete', data: { topic: 'no-such-topic', reason: 'retention' } }]);
    },
  );

  rule('[recovery.11] new requests are taken from the welcome on', async ({ gateway }) => {
    const { peer, bidder, lot } = await start(gateway);
    await bid(bidder, lot, [1, 2, 3]);
    const back = await gateway.connect(peer);
    back.hello(gateway.withToken({ channels: [TOPIC], positions: peer.welcomed.positions }));
    const requestId = back.request('Work', { ms: 0 });
    expect((await back.answerTo(requestId)).event).toBe('accepted');
    expect(await back.outcome(requestId)).toMatchObject({ status: 'success' });
    expect(await recovered(back)).toMatchObject({ complete: true });
  });
});

/** Somebody who listens, somebody who bids, and what for. */
async function start(gateway: Gateway): Promise<{ peer: WelcomePeer; bidder: Peer; lot: number }> {
  const channels = [TOPIC];
  const [peer, bidder] = [await gateway.welcome({ channels }), await gateway.welcome({ channels })];
  return { peer, bidder, lot: gateway.freshLot() };
}

/** Bids one after the other, and waits until the gateway has told of each. */
async function bid(bidder: Peer, lot: number, sums: readonly number[]): Promise<void> {
  for (const amount of sums) {
    await bidder.perform('PlaceBid', { lot, amount });
    await nextBid(bidder, lot, amount);
  }
}

async function nextBid(peer: Peer, lot: number, amount: number): Promise<void> {
  await peer.next(({ data }) => data.key === `lot-${lot}` && data.data?.amount === amount);
}

async function recovered(peer: Peer): Promise<any> {
  return (await peer.next('recovered')).data;
}

function amounts(frames: Peer['unread'], lot: number): number[] {
  const bids = frames.filter(({ data }) => data.type === 'Bid.Created' && data.key === `lot-${lot}`);
  return bids.map(({ data }) => data.data.amount as number);
}

function maximum(values: readonly bigint[]): bigint {
  return values.reduce((most, value) => (value > most ? value : most), -1n);
}
