import { describe, expect, it, vi } from 'vitest';
import { reached, startLiveClient, waiting } from './support/scripted.gateway.js';

describe('an event', () => {
  it('reaches its listeners with its data and what is known of it', async () => {
    const { client, socket } = await startLiveClient();
    const listener = vi.fn();
    client.on('auction', 'Bid', 'Created', listener);
    socket.broadcast(['auction', 0, '10'], 'Bid.Created', { data: { lot: 7 }, key: 'lot-7', requestId: 'r' });
    await socket.seen();

    expect(listener.mock.calls).toEqual([
      [
        { lot: 7 },
        {
          at: ['auction', 0, '10'],
          id: 'event-10',
          type: 'Bid.Created',
          time: '2026-08-01T12:00:00.000Z',
          key: 'lot-7',
          requestId: 'r',
        },
      ],
    ]);
  });

  it('that is broadcast as metadata only has no data', async () => {
    const { client, socket } = await startLiveClient();
    const listener = vi.fn();
    client.on('auction', 'Reserve', 'Changed', listener);
    socket.broadcast(['auction', 0, '10'], 'Reserve.Changed');
    await socket.seen();

    expect(listener).toHaveBeenCalledExactlyOnceWith(undefined, expect.objectContaining({ id: 'event-10' }));
  });

  it('reaches those that match it, and no others', async () => {
    const { client, socket } = await startLiveClient();
    const heard: string[] = [];
    const note =
      (name: string) =>
      (_: unknown, { type }: { type: string }) =>
        void heard.push(`${name}: ${type}`);
    client.on('auction', note('all'));
    client.on('auction', 'Bid', note('Bid'));
    client.on('auction', 'Bid', '*', note('Bid.*'));
    client.on('auction', '*', 'Created', note('*.Created'));
    client.on('auction', 'Bid', 'Created', note('exact'));
    client.on('billing', note('elsewhere'));
    socket.broadcast(['auction', 0, '10'], 'Bid.Created');
    socket.broadcast(['auction', 0, '11'], 'Lot.Closed');
    await socket.seen();

    expect(heard.sort()).toEqual(
      [
        '*.Created: Bid.Created',
        'Bid.*: Bid.Created',
        'Bid: Bid.Created',
        'all: Bid.Created',
        'all: Lot.Closed',
        'exact: Bid.Created',
      ].sort(),
    );
  });

  it('comes in the order of its partition, also behind a result that is still being opened', async () => {
    const { client, socket } = await startLiveClient();
    const order: string[] = [];
    client.on('auction', (_, { at }) => void order.push(at[2]));
    const done = client.send('auction', 'PlaceBid', {}).then(() => order.push('result'));
    const request = await socket.next('request');
    await socket.next('subscribe'); // it goes out a moment later: more listeners may come
    socket.broadcast(['auction', 0, '10'], 'Bid.Created');
    socket.result(request, ['auction', 0, '11'], { status: 'success' });
    socket.broadcast(['auction', 0, '12'], 'Bid.Created');
    await done;
    await vi.waitFor(() => expect(order).toHaveLength(3));

    expect(order).toEqual(['10', 'result', '12']);
  });

  it('whose listener throws reaches the others, and the error is reported', async () => {
    const { client, socket, errors } = await startLiveClient();
    const second = vi.fn();
    client.on('auction', 'Bid', 'Created', () => {
      throw new Error('mistake');
    });
    client.on('auction', 'Bid', 'Created', second);
    socket.broadcast(['auction', 0, '10'], 'Bid.Created');
    await socket.seen();

    expect(second).toHaveBeenCalledOnce();
    expect(errors).toMatchObject([{ code: 'listener_failed', cause: new Error('mistake') }]);
  });
});

describe('a channel', () => {
  it('is opened for its first listener, widened for further ones, and closed after the last', async () => {
    const { client, socket } = await startLiveClient();
    const created = client.on('auction', 'Bid', 'Created', () => undefined);
    expect(await socket.next('subscribe')).toEqual({ channels: ['auction'], types: ['Bid.Created'] });
    const changed = client.on('auction', 'Reserve', 'Changed', () => undefined);
    expect(await socket.next('subscribe')).toEqual({
      channels: ['auction'],
      types: ['Bid.Created', 'Reserve.Changed'],
    });
    const all = client.on('auction', 'Bid', () => undefined); // the protocol knows exact types only
    expect(await socket.next('subscribe')).toEqual({ channels: ['auction'] });
    all();
    expect(await socket.next('subscribe')).toEqual({
      channels: ['auction'],
      types: ['Bid.Created', 'Reserve.Changed'],
    });
    created();
    expect(await socket.next('subscribe')).toEqual({ channels: ['auction'], types: ['Reserve.Changed'] });
    changed();
    expect(await socket.next('unsubscribe')).toEqual({ channels: ['auction'] });
  });

  it('is asked for once, whatever comes and goes in one turn', async () => {
    const { client, socket } = await startLiveClient();
    const offs = ['Created', 'Withdrawn', 'Won'].map((type) => client.on('auction', 'Bid', type, () => undefined));
    client.on('billing', 'Invoice', 'Sent', () => undefined)();
    offs[2]!();
    offs[2]!();

    expect(await socket.next('subscribe')).toEqual({ channels: ['auction'], types: ['Bid.Created', 'Bid.Withdrawn'] });
    expect(await socket.seen()).toEqual([]);
  });

  it('stays open for the second of two equal listeners', async () => {
    const { client, socket } = await startLiveClient();
    const listener = vi.fn();
    const off = client.on('auction', 'Bid', 'Created', listener);
    client.on('auction', 'Bid', 'Created', listener);
    await socket.next('subscribe');
    off();
    off();
    socket.broadcast(['auction', 0, '10'], 'Bid.Created');

    expect(await socket.seen()).toEqual([]);
    expect(listener).toHaveBeenCalledOnce();
  });

  it('is asked for in the next hello when it was opened without a connection', async () => {
    const { client, clock, gateway, socket } = await startLiveClient();
    client.on('auction', 'Bid', 'Created', () => undefined);
    await socket.next('subscribe');
    const lost = waiting(client);
    socket.cut();
    const pause = await lost;
    client.on('auction', 'Bid', 'Withdrawn', () => undefined);
    client.on('billing', () => undefined);
    clock.advance(pause);
    const next = await gateway.next();
    expect(next.hello).toMatchObject({
      channels: ['auction', 'billing'],
      types: { auction: ['Bid.Created', 'Bid.Withdrawn'] },
    });
    next.welcome({ positions: next.hello.positions! });
    next.send('recovered', { topic: 'auction', complete: true, count: 0 });
    await reached(client, 'live');

    expect(await next.seen()).toEqual([]); // the hello has said it all
  });

  it('is asked for behind the welcome when it was opened between hello and welcome', async () => {
    const { client, clock, gateway, socket } = await startLiveClient();
    const lost = waiting(client);
    socket.cut();
    clock.advance(await lost);
    const next = await gateway.next();
    client.on('auction', 'Bid', 'Created', () => undefined);
    next.welcome({ positions: next.hello.positions! });

    expect(await next.next('subscribe')).toEqual({ channels: ['auction'], types: ['Bid.Created'] });
  });
});
