import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ClientFrames, GatewayFrames } from '../lib/protocol/frames.js';
import type { UntypedContract } from '../lib/client/client.contract.js';
import { failureOf, reached, startLiveClient, waiting } from './support/scripted.gateway.js';

type Live = Awaited<ReturnType<typeof startLiveClient<UntypedContract>>>;

describe('a client that comes back', () => {
  it('says where it was: by welcome, frames, pings and subscriptions, and never backwards', async () => {
    const live = await startLiveClient(
      {},
      { positions: { auction: { 0: '9', 1: '-1', 2: '5' }, billing: { 0: '3' } } },
    );
    const { socket } = live;
    socket.broadcast(['auction', 0, '12'], 'Bid.Created');
    socket.send('ping', { positions: { auction: { 0: '11', 1: '4' } } });
    socket.send('subscribed', {
      channels: ['auction'],
      positions: { auction: { 1: '6' }, shipping: { 0: '9007199254740993' } },
    });
    socket.send('unsubscribed', { channels: ['auction'], positions: { auction: { 2: '7' } } });

    const { hello } = await cutAndReturn(live);
    expect(hello).toMatchObject({
      epoch: 'log-1',
      positions: {
        auction: { 0: '12', 1: '6', 2: '7' },
        billing: { 0: '3' },
        shipping: { 0: '9007199254740993' },
      },
    });
  });

  it('is the same session with the same key', async () => {
    const live = await startLiveClient();
    const { hello } = await cutAndReturn(live);

    expect(hello.sessionId).toBe(live.socket.hello.sessionId);
    expect(hello.publicKey).toBe(live.socket.hello.publicKey);
  });

  it('is recovering until all topics are recovered, then live', async () => {
    const live = await startLiveClient({}, { positions: { auction: { 0: '9' }, billing: { 0: '3' } } });
    const { client, socket, hello } = await cutAndReturn(live);
    const recovered = vi.fn();
    client.onRecovered(recovered);
    socket.welcome({ positions: hello.positions! });
    socket.send('recovered', { topic: 'auction', complete: true, count: 2 });
    await socket.seen();
    expect(client.state).toBe('recovering');
    socket.send('recovered', { topic: 'billing', complete: false, reason: 'retention', count: 0 });
    await reached(client, 'live');

    expect(recovered.mock.calls).toEqual([
      [{ topic: 'auction', complete: true, count: 2 }],
      [{ topic: 'billing', complete: false, reason: 'retention', count: 0 }],
    ]);
  });

  it('gets what it missed once, though the welcome names a later place', async () => {
    const live = await startLiveClient({}, { positions: { auction: { 0: '9' } } });
    const heard = hear(live);
    const { client, socket } = await cutAndReturn(live);
    socket.welcome({ positions: { auction: { 0: '50' } } });
    socket.broadcast(['auction', 0, '12'], 'Bid.Created');
    socket.send('ping', { positions: { auction: { 0: '20' } } });
    for (const offset of ['30', '12']) socket.broadcast(['auction', 0, offset], 'Bid.Created');
    socket.send('recovered', { topic: 'auction', complete: true, count: 2 });
    await reached(client, 'live');
    for (const offset of ['50', '51']) socket.broadcast(['auction', 0, offset], 'Bid.Created');
    await socket.seen();

    expect(heard).toEqual(['12', '30', '51']);
  });

  it('goes on where it was when it is cut off in the middle of catching up', async () => {
    const live = await startLiveClient({}, { positions: { auction: { 0: '9', 1: '19' } } });
    const first = await cutAndReturn(live);
    first.socket.welcome({ positions: { auction: { 0: '50', 1: '60' } } });
    first.socket.broadcast(['auction', 0, '12'], 'Bid.Created');
    const second = await cutAndReturn(first);

    expect(second.hello.positions).toEqual({ auction: { 0: '12', 1: '19' } });
  });

  it('does not begin again at the same place where a gateway passed by much that was not for it', async () => {
    const live = await startLiveClient({}, { positions: { auction: { 0: '9', 1: '19' } } });
    const first = await cutAndReturn(live);
    first.socket.welcome({ positions: first.hello.positions! });
    first.socket.send('ping', { positions: { auction: { 0: '5000', 1: '19' } } });
    const second = await cutAndReturn(first);

    expect(second.hello.positions).toEqual({ auction: { 0: '5000', 1: '19' } });
  });

  it('begins anew where the log is another one', async () => {
    const live = await startLiveClient({}, { positions: { auction: { 0: '900' }, gone: { 0: '7' } } });
    const heard = hear(live);
    const first = await cutAndReturn(live);
    const told: GatewayFrames['recovered'][] = [];
    first.client.onRecovered((recovered) => told.push(recovered));
    first.socket.welcome({ epoch: 'log-2', positions: { auction: { 0: '3' } } });
    for (const topic of ['auction', 'gone'])
      first.socket.send('recovered', { topic, complete: false, reason: 'epoch', count: 0 });
    await reached(first.client, 'live');
    first.socket.broadcast(['auction', 0, '4'], 'Bid.Created');
    const second = await cutAndReturn(first);

    expect(told).toHaveLength(2);
    expect(heard).toEqual(['4']);
    expect(second.hello).toMatchObject({ epoch: 'log-2', positions: { auction: { 0: '4' } } });
    expect(second.hello.positions).not.toHaveProperty('gone');
  });

  it.each(['retention', 'limit'] as const)(
    'is told in the end of what a gateway left out (%s) that did not live to say so',
    async (reason) => {
      const live = await startLiveClient({}, { positions: { auction: { 0: '9' }, billing: { 0: '3' } } });
      const first = await cutAndReturn(live);
      first.socket.welcome({ positions: first.hello.positions! });
      first.socket.send('incomplete', { topic: 'auction', reason });
      first.socket.broadcast(['auction', 0, '500'], 'Bid.Created');
      const { client, socket, hello } = await cutAndReturn(first);
      const told: GatewayFrames['recovered'][] = [];
      client.onRecovered((recovered) => told.push(recovered));
      expect(hello.positions).toEqual({ auction: { 0: '500' }, billing: { 0: '3' } });
      socket.welcome({ positions: hello.positions! });
      for (const topic of ['auction', 'billing']) socket.send('recovered', { topic, complete: true, count: 0 });
      await reached(client, 'live');
      const { socket: last } = await cutAndReturn({ ...live, socket });
      last.welcome({ positions: hello.positions! });
      last.send('recovered', { topic: 'auction', complete: true, count: 0 });
      await last.seen();

      expect(told).toEqual([
        { topic: 'auction', complete: false, reason, count: 0 },
        { topic: 'billing', complete: true, count: 0 },
        { topic: 'auction', complete: true, count: 0 }, // it was told
      ]);
    },
  );

  it('is told in the end that the log is another one, though it was cut off before', async () => {
    const live = await startLiveClient({}, { positions: { auction: { 0: '900' } } });
    const first = await cutAndReturn(live);
    first.socket.welcome({ epoch: 'log-2', positions: { auction: { 0: '3' } } });
    await first.socket.seen();
    const { client, socket, hello } = await cutAndReturn(first);
    const recovered = vi.fn();
    client.onRecovered(recovered);
    socket.welcome({ epoch: 'log-2', positions: hello.positions! });
    socket.send('recovered', { topic: 'auction', complete: true, count: 0 });
    await reached(client, 'live');

    expect(recovered).toHaveBeenCalledWith({ topic: 'auction', complete: false, reason: 'epoch', count: 0 });
  });

  it('comes down where it claimed to know more than there is', async () => {
    const live = await startLiveClient({}, { positions: { auction: { 0: '900', 1: '19' } } });
    const heard = hear(live);
    const { client, socket } = await cutAndReturn(live);
    socket.welcome({ positions: { auction: { 0: '3', 1: '19' } } });
    socket.broadcast(['auction', 1, '21'], 'Bid.Created'); // replayed: that partition was in order
    socket.send('recovered', { topic: 'auction', complete: false, reason: 'future', count: 1 });
    await reached(client, 'live');
    for (const [partition, offset] of [
      [0, '4'],
      [1, '21'],
      [1, '22'],
    ] as const)
      socket.broadcast(['auction', partition, offset], 'Bid.Created');
    await socket.seen();

    expect(heard).toEqual(['21', '4', '22']);
  });
});

describe('a command whose connection was lost', () => {
  it('is sent again, the same to the letter and with its age, after all topics are recovered', async () => {
    const live = await startLiveClient({}, { positions: { auction: { 0: '9' }, billing: { 0: '3' } } });
    const done = live.client.send('auction', 'PlaceBid', { b: 1, a: [1.0, 'ü'] }, { ttl: 60_000, key: 'lot-7' });
    const first = await live.socket.next('request');
    const { socket, hello } = await cutAndReturn(live, 4_000);
    socket.welcome({ positions: hello.positions! });
    socket.send('recovered', { topic: 'auction', complete: true, count: 0 });
    expect(await socket.seen()).toEqual([]); // the pong comes, and no request before it
    socket.send('recovered', { topic: 'billing', complete: true, count: 0 });

    const second = await socket.next('request');
    expect(second).toEqual({ ...first, age: 4_000 });
    socket.accept(second);
    socket.result(second, ['auction', 0, '11'], { status: 'success', value: 'done' });
    expect(await done).toBe('done');
  });

  it('is sent again also past its time to live: the gateway may know how it ended', async () => {
    const live = await startLiveClient({ slack: 60_000 });
    const failure = failureOf(live.client.send('auction', 'PlaceBid', {}, { ttl: 1_000 }));
    await live.socket.next('request');
    const { socket } = await returned(live, 4_000);
    const { requestId, age } = await socket.next('request');
    socket.send('error', { requestId, code: 'unknown', message: 'never heard of it', temporary: false });

    expect(age).toBeGreaterThan(1_000);
    expect(await failure).toMatchObject({ status: 'unknown', code: 'unknown' });
  });

  it('is not sent again when its outcome was among what was missed', async () => {
    const live = await startLiveClient();
    const done = live.client.send('auction', 'PlaceBid', {});
    const request = await live.socket.next('request');
    const { socket, hello } = await cutAndReturn(live);
    socket.welcome({ positions: hello.positions! });
    socket.result(request, ['auction', 0, '11'], { status: 'success', value: 'missed' });
    socket.send('recovered', { topic: 'auction', complete: true, count: 1 });

    expect(await done).toBe('missed');
    await reached(live.client, 'live');
    expect(await socket.seen()).toEqual([]); // no request came before it
  });

  it('takes the outcome that an accepted brings, and its record behind it is not late', async () => {
    const live = await startLiveClient();
    const late = vi.fn();
    live.client.onLate(late);
    const done = live.client.send('auction', 'PlaceBid', {});
    await live.socket.next('request');
    const { socket } = await returned(live);
    const request = await socket.next('request');
    const sealed = socket.seal(request.requestId, ['auction', 0, '11'], { status: 'success', value: 'known' });
    socket.accept(request, ['auction', 0, '10'], { at: ['auction', 0, '11'], sealed });
    socket.result(request, ['auction', 0, '11'], { status: 'success', value: 'known' });
    const another = live.client.send('auction', 'Marker', {});
    const marker = await socket.next('request');
    socket.result(marker, ['auction', 0, '12'], { status: 'success' });

    expect(await done).toBe('known');
    await another;
    expect(late).not.toHaveBeenCalled();
  });

  it('waits for the log where the next gateway only knows that it cannot help', async () => {
    const live = await startLiveClient();
    const done = live.client.send('auction', 'PlaceBid', {});
    await live.socket.next('request');
    const { socket } = await returned(live);
    const request = await socket.next('request');
    const { requestId } = request;
    socket.send('error', { requestId, code: 'unavailable', message: 'no Kafka', temporary: true });
    socket.result(request, ['auction', 0, '11'], { status: 'success', value: 'done' });

    expect(await done).toBe('done');
  });

  it('ends as unknown, not as forbidden, where only the next gateway forbids it', async () => {
    const live = await startLiveClient();
    const failure = failureOf(live.client.send('auction', 'PlaceBid', {}));
    await live.socket.next('request');
    const { socket } = await returned(live);
    const { requestId } = await socket.next('request');
    socket.send('error', { requestId, code: 'forbidden', message: 'not any more', temporary: false });

    expect(await failure).toMatchObject({ status: 'unknown', code: 'forbidden' });
  });
});

/** The offsets of the events that a client hears, in their order. */
function hear({ client }: Pick<Live, 'client'>): string[] {
  const offsets: string[] = [];
  onTestFinished(client.on('auction', (_, { at }) => offsets.push(at[2])));
  return offsets;
}

/** Cuts the line after the client has read everything, lets time pass, and takes its next hello. */
async function cutAndReturn(live: Live, away = 0): Promise<Live & { hello: ClientFrames['hello'] }> {
  const { socket, client, clock, gateway } = live;
  await socket.seen();
  const lost = waiting(client);
  socket.cut();
  clock.advance(Math.max(away, await lost));
  const next = await gateway.next();
  return { ...live, socket: next, hello: next.hello };
}

/** The same, up to being live. */
async function returned(live: Live, away = 0): Promise<Live> {
  const next = await cutAndReturn(live, away);
  next.socket.welcome({ positions: next.hello.positions! });
  for (const topic of Object.keys(next.hello.positions!))
    next.socket.send('recovered', { topic, complete: true, count: 0 });
  await reached(next.client, 'live');
  return next;
}
