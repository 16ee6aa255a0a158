import { describe, expect, it } from 'vitest';
import { BACKENDS, shared, startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient } from './support/raw.client.js';

const BROADCAST = { 'Bid.*': 'data', 'Reserve.Changed': 'metadata' } as const;

describe.each(BACKENDS)('an event, on %s', (backend) => {
  async function start(more: object = {}) {
    const house = auction();
    const gateway = { topics: [house.topic], broadcast: BROADCAST, ...more };
    const { url } = await startApp({ ...shared(backend), gateway }, [house.Bidding]);
    return {
      ...house,
      url,
      channel: `socket/${house.topic}/broadcast`,
      client: await RawClient.welcome(url, { channels: [house.topic] }),
    };
  }

  it('is broadcast with its data, its place, its time and the request that it follows from', async () => {
    const { client, topic, channel, url } = await start();
    const bidder = await RawClient.welcome(url);

    const requestId = bidder.request(topic, 'PlaceBid', { lot: 7, amount: 120 });

    const { data } = await client.next((frame) => frame.event === channel && frame.data.type === 'Bid.Created');
    expect(data).toEqual({
      at: [topic, expect.any(Number), expect.stringMatching(/^\d+$/)],
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      type: 'Bid.Created',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      requestId,
      key: 'lot-7',
      data: { lot: 7, amount: 120, leading: true },
    });
  });

  it('that is metadata only comes without data', async () => {
    const { client, topic, channel } = await start();
    client.request(topic, 'PlaceBid', { lot: 7, amount: 120 });
    const { data } = await client.next((frame) => frame.event === channel && frame.data.type === 'Reserve.Changed');
    expect(data).not.toHaveProperty('data');
    expect(data).toMatchObject({ key: 'lot-7' });
  });

  it('that no rule names stays inside', async () => {
    const { client, topic, channel } = await start();
    const requestId = client.request(topic, 'PlaceBid', { lot: 7, amount: 120 });
    await client.outcome(topic, requestId);
    await client.next((frame) => frame.event === channel && frame.data.type === 'Bid.Created');
    expect(JSON.stringify(client.unread)).not.toContain('Payment');
  });

  it('does not come to who did not subscribe, or wants other types', async () => {
    const { client, topic, channel, url } = await start();
    const deaf = await RawClient.welcome(url);
    const picky = await RawClient.welcome(url, { channels: [topic], types: { [topic]: ['Reserve.Changed'] } });

    const requestId = client.request(topic, 'PlaceBid', { lot: 7, amount: 120 });
    await client.outcome(topic, requestId);
    for (const other of [deaf, picky])
      await other.outcome(topic, other.request(topic, 'PlaceBid', { lot: 8, amount: 20 }));

    expect(deaf.unread.filter(({ event }) => event === channel)).toEqual([]);
    const types = picky.unread.filter(({ event }) => event === channel).map(({ data }) => data.type);
    expect(new Set(types)).toEqual(new Set(['Reserve.Changed']));
  });

  it('comes from when the channel is subscribed until it is unsubscribed', async () => {
    const { topic, channel, url } = await start();
    const client = await RawClient.welcome(url);
    const bid = async (lot: number): Promise<unknown> =>
      client.outcome(topic, client.request(topic, 'PlaceBid', { lot, amount: 20 }));

    await bid(1);
    client.send('subscribe', { channels: [topic], types: ['Bid.Created'] }, 's');
    const subscribed = await client.next('subscribed');
    expect(subscribed).toMatchObject({
      id: 's',
      data: { channels: [topic], types: ['Bid.Created'], positions: { [topic]: expect.any(Object) } },
    });
    await bid(2);
    await client.next((frame) => frame.event === channel && frame.data.data?.lot === 2);
    client.send('unsubscribe', { channels: [topic] });
    await client.next('unsubscribed');
    await bid(3);

    expect(client.unread.filter(({ event }) => event === channel)).toEqual([]);
  });

  it('still comes after an unsubscribe that was refused for another of its channels', async () => {
    const { topic: all } = auction();
    const { topic: some, Bidding } = auction();
    const gateway = { topics: [some, all], broadcast: BROADCAST };
    const { url } = await startApp({ ...shared(backend), gateway }, [Bidding]);
    const client = await RawClient.welcome(url, { channels: [some, all], types: { [some]: ['Bid.Created'] } });

    client.send('unsubscribe', { channels: [some, all], types: ['Bid.Created'] });
    expect((await client.next('error')).data.code).toBe('bad_frame');
    const marker = client.request(some, 'PlaceBid', { lot: 7, amount: 120 });
    await client.outcome(some, marker);

    const types = client.unread
      .filter(({ event }) => event === `socket/${some}/broadcast`)
      .map(({ data }) => data.type);
    expect(types).toEqual(['Bid.Created']);
  });

  it('that a client may not read does not reach it', async () => {
    const { topic, channel, client } = await start({
      authorize: (intent: { action: string; type?: string }) =>
        intent.action !== 'event' || intent.type === 'Reserve.Changed',
    });
    await client.outcome(topic, client.request(topic, 'PlaceBid', { lot: 7, amount: 120 }));
    await client.next((frame) => frame.event === channel && frame.data.type === 'Reserve.Changed');
    expect(client.unread.filter(({ data }) => data.type === 'Bid.Created')).toEqual([]);
  });

  it('comes in the order of the log within its partition, results among them', async () => {
    const { client, topic } = await start();
    const requests = Array.from({ length: 20 }, (_, i) =>
      client.request(topic, 'PlaceBid', { lot: 1, amount: 100 + i }),
    );
    for (const requestId of requests) {
      await client.next((frame) => frame.event === 'accepted' && frame.data.requestId === requestId);
    }
    const places: [number, bigint][] = [];
    for (let i = 0; i < 60; i++) {
      const { data } = await client.next(({ event }) => event.startsWith('socket/')); // 20 bids, 20 reserves, 20 results
      places.push([data.at[1], BigInt(data.at[2])]);
    }
    for (const partition of new Set(places.map(([one]) => one))) {
      const offsets = places.filter(([one]) => one === partition).map(([, offset]) => offset);
      expect(offsets).toEqual([...offsets].sort((a, b) => Number(a - b)));
      expect(new Set(offsets).size).toBe(offsets.length);
    }
  });
});
