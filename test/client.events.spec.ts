import { describe, expect, it, onTestFinished, vi } from 'vitest';
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

describe('a listener that is an async function', () => {
  it('is reported when it fails, and leaves no rejection behind', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    onTestFinished(() => void process.off('unhandledRejection', unhandled));
    const { client, socket, errors } = await startLiveClient();
    const fail = (): Promise<void> => Promise.reject(new Error('later'));
    client.on('auction', 'Bid', 'Created', fail);
    client.onRecovered(fail);
    client.send('auction', 'PlaceBid', {}, { onAccepted: fail }).catch(() => undefined);
    socket.broadcast(['auction', 0, '10'], 'Bid.Created');
    socket.send('recovered', { topic: 'auction', complete: true, count: 0 });
    socket.accept(await socket.next('request'));
    await socket.seen();

    expect(errors).toMatchObject(Array.from({ length: 3 }, () => ({ code: 'listener_failed' })));
    expect(unhandled).not.toHaveBeenCalled();
  });
});

describe('more channels than the gateway takes frames for', () => {
  it('are opened together where the same is wanted of them', async () => {
    const { client, socket } = await startLiveClient({}, { limits: { payload: 65_536, rate: 5 } });
    const offs = Array.from({ length: 100 }, (_, i) => client.on(`topic-${i}`, () => undefined));
    client.on('auction', 'Bid', 'Created', () => undefined);
    expect((await socket.next('subscribe')).channels).toHaveLength(100);
    expect(await socket.next('subscribe')).toEqual({ channels: ['auction'], types: ['Bid.Created'] });
    for (const off of offs) off();

    expect((await socket.next('unsubscribe')).channels).toHaveLength(100);
  });

  it('go out at its pace, behind the commands before them, and say what is wanted by then', async () => {
    const { client, clock, socket } = await startLiveClient({}, { limits: { payload: 65_536, rate: 10 } });
    for (let i = 0; i < 10; i++) client.send('auction', `C${i}`, {}).catch(() => undefined);
    for (let i = 0; i < 10; i++) await socket.next('request');
    const listen = () => client.on('auction', 'Bid', 'Created', () => undefined);
    for (let frame = 0; frame < 60; frame++) {
      // A list that is scrolled: one view goes, the next comes.
      const off = listen();
      expect(await socket.seen()).toEqual([]);
      off();
    }
    listen();
    clock.advance(112); // a tenth of a second by nine tenths of the rate

    expect(await socket.next('subscribe')).toEqual({ channels: ['auction'], types: ['Bid.Created'] });
    clock.advance(1_000);
    expect(await socket.seen()).toEqual([]);
  });

  it('are told again where the gateway refused to hear of them for its rate', async () => {
    const { client, clock, socket, errors } = await startLiveClient();
    const off = client.on('auction', () => undefined);
    const { id } = await socket.nextFrame('subscribe');
    socket.send('error', { code: 'rate', message: 'slow down', temporary: true }, id);
    await socket.seen();
    clock.advance(1_000);
    expect(await socket.next('subscribe')).toEqual({ channels: ['auction'] });
    off();
    const closing = await socket.nextFrame('unsubscribe');
    socket.send('error', { code: 'rate', message: 'slow down', temporary: true }, closing.id);
    await socket.seen();
    clock.advance(1_000);

    expect(await socket.next('unsubscribe')).toEqual({ channels: ['auction'] });
    expect(errors).toEqual([]);
  });
});

describe('a channel that is forbidden', () => {
  it('is reported by its name, and not asked for again on this connection', async () => {
    const { client, socket, errors } = await startLiveClient();
    client.on('secrets', 'Bid', 'Created', () => undefined);
    const { id } = await socket.nextFrame('subscribe');
    const details = { channel: 'secrets' };
    socket.send('error', { code: 'forbidden', message: 'not you', temporary: false, details }, id);
    await socket.seen();
    client.on('auction', () => undefined);

    expect(await socket.next('subscribe')).toEqual({ channels: ['auction'] });
    expect(errors).toMatchObject([{ code: 'forbidden', details }]);
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
