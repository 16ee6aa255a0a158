import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { MemoryMessageLog, type MessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Outbox } from '../lib/gateway/socket/outbox.js';
import { Session } from '../lib/gateway/socket/session.js';
import { SessionRegistry } from '../lib/gateway/socket/session.registry.js';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient, type RawFrame } from './support/raw.client.js';
import { eventRecord } from './support/written.event.js';

const offsetsIn = (frames: readonly RawFrame[]): number[] =>
  frames.flatMap(({ data }) => (data.at ? [Number(data.at[2])] : []));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

async function start(more: object = {}, log: MessageLog = new MemoryMessageLog()) {
  const { topic } = auction();
  const running = await startApp({ log, gateway: { topics: [topic], broadcast: { '*': 'data' }, ...more } });
  const publish = (types: readonly string[]): Promise<unknown> =>
    Promise.all(types.map((type) => log.publish(eventRecord(topic, type, {}))));
  return { ...running, log, topic, publish };
}

describe('a batch of events', () => {
  it('is one write to each client, and the same bytes to all who want the same', async () => {
    const { app, url, topic, publish } = await start();
    const sockets: Socket[] = [];
    (app.getHttpServer() as Server).on('upgrade', (_, socket: Socket) => sockets.push(socket));
    const clients = [
      await RawClient.welcome(url, { channels: [topic] }),
      await RawClient.welcome(url, { channels: [topic] }),
    ];
    const writes = sockets.map((socket) => vi.spyOn(socket, 'write'));

    await publish(Array(32).fill('Bid.Created'));

    for (const client of clients) await client.next(({ data }) => data.at?.[2] === '31');
    for (const client of clients) expect(offsetsIn(client.unread)).toEqual(upTo(31));
    expect(writes.map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
    expect(writes[0]!.mock.calls[0]![0]).toBe(writes[1]!.mock.calls[0]![0]);
  });
});

describe('frames that wait for the flush window', () => {
  it('lie before the ping that names their position', async () => {
    const { url, topic, publish } = await start({ flushWindow: 200, heartbeat: { interval: 500, timeout: 490 } });
    const client = await RawClient.welcome(url, { channels: [topic] });
    const events = setInterval(() => void publish(['Bid.Created']), 3);
    onTestFinished(() => clearInterval(events));
    let seen = -1;
    for (let pings = 0; pings < 4;) {
      const { event, data } = await client.next(() => true);
      if (data.at) seen = Number(data.at[2]);
      if (event !== 'ping') continue;
      expect(Number(data.positions[topic][0])).toBeLessThanOrEqual(seen);
      pings++;
    }
    expect(seen).toBeGreaterThan(10);
  });

  it('go out before the goodbye of a gateway that stops', async () => {
    const { url, topic, publish, stop } = await start({ flushWindow: 500, goodbyeWindow: 0 });
    const client = await RawClient.welcome(url, { channels: [topic] });

    await publish(Array(10).fill('Bid.Created'));
    await stop();

    expect(await client.closed).toMatchObject({ code: 4001 });
    expect(offsetsIn(client.unread)).toEqual(upTo(10));
  });

  it('keep the order of answers and events', async () => {
    const { url, topic, publish } = await start({ flushWindow: 50 });
    const client = await RawClient.welcome(url, { channels: [topic] });

    await publish(['Bid.Created']);
    client.send('unsubscribe', { channels: [topic] });
    const { data } = await client.next('unsubscribed');

    // What was routed before the answer lies before it, and nothing after.
    expect(offsetsIn(client.unread)).toEqual(upTo(Number(data.positions[topic][0]) + 1));
  });
});

describe('clients that want different things', () => {
  const TYPES = ['Bid.Created', 'Lot.Sold', 'Lot.Opened'] as const;

  it('each get theirs, though many want the same, change their minds, and leave', async () => {
    const { url, topic, publish } = await start();
    const wishes = [undefined, [TYPES[0]], [TYPES[0], TYPES[1]], [TYPES[1], TYPES[0]], [TYPES[1], TYPES[0]], []];
    const clients = await Promise.all(
      wishes.map((types) => RawClient.welcome(url, { channels: [topic], types: types ? { [topic]: types } : {} })),
    );
    const typesOf = (client: RawClient): string[] => client.unread.flatMap(({ data }) => (data.at ? [data.type] : []));
    /** Until all has come: the answer to a frame lies behind what was routed before. */
    const settled = async (those: readonly RawClient[]): Promise<void> => {
      await publish(['Mark.Set']);
      await clients[0]!.next(({ data }) => data.type === 'Mark.Set');
      for (const client of those) client.send('cancel', { requestId: randomUUID() });
      for (const client of those) await client.next('error');
    };

    await publish(TYPES);
    await settled(clients);
    const both = TYPES.slice(0, 2);
    expect(clients.map(typesOf)).toEqual([[...TYPES], [TYPES[0]], both, both, both, []]);

    await clients[2]!.cut(); // one of three
    clients[3]!.send('subscribe', { channels: [topic], types: [TYPES[2]] });
    await clients[3]!.next('subscribed');
    clients[1]!.send('unsubscribe', { channels: [topic], types: [TYPES[0]] });
    await clients[1]!.next('unsubscribed');
    await publish(TYPES);
    const left = clients.filter((_, i) => i !== 2);
    await settled(left);

    expect(left.map(typesOf)).toEqual([[...TYPES, ...TYPES], [TYPES[0]], [...TYPES], [...both, ...both], []]);
  });

  it('are asked by their filter, and not one by one', () => {
    const registry = new SessionRegistry();
    const wants = (...types: string[]): Session => {
      const identity = { id: 's', publicKey: 'k', claims: undefined, handshake: { headers: {} } };
      const session = new Session({} as Outbox, identity as never);
      registry.subscribe(session, 'auction', new Set(types));
      registry.add(session);
      return session;
    };
    const [one, other] = [wants('a', 'b'), wants('b', 'a')];
    const third = wants('b');

    expect([...registry.wanting('auction', 'b')].map((sessions) => [...sessions])).toEqual([[one, other], [third]]);
    expect([...registry.wanting('auction', 'a')].map((sessions) => [...sessions])).toEqual([[one, other]]);
    expect(one.channels.get('auction')).toBe(other.channels.get('auction'));
    for (const session of [one, other, third]) registry.remove(session);
    expect([...registry.wanting('auction', 'b')]).toEqual([]);
  });
});

describe('a client that is ahead of its gateway', () => {
  it('gets nothing twice that another gateway sent it, and what comes after that', async () => {
    const { url, log, topic, publish } = await start();
    let release: (() => void) | undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const slow: MessageLog = Object.create(log);
    slow.tail = (options) =>
      log.tail({
        ...options,
        onBatch: async (batch) => {
          if (batch.records.some(({ offset }) => offset > 0n)) await released;
          await options.onBatch(batch);
        },
      });
    await publish(['Bid.Created']);
    const behind = await startApp({ log: slow, gateway: { topics: [topic], broadcast: { '*': 'data' } } });
    const first = await RawClient.welcome(url, { channels: [topic] });
    await publish(Array(4).fill('Bid.Created'));
    await first.next(({ data }) => data.at?.[2] === '4');
    await first.cut();

    const { epoch, positions } = first.welcomed;
    positions[topic][0] = '4';
    const back = await RawClient.welcome(
      behind.url,
      { channels: [topic], positions, epoch },
      { identity: first.identity },
    );
    expect(back.welcomed.positions[topic][0]).toBe('4');
    expect((await back.next('recovered')).data).toMatchObject({ complete: true, count: 0 });
    release!();
    await publish(['Bid.Created', 'Bid.Created']);
    await back.next(({ data }) => data.at?.[2] === '6');

    expect(offsetsIn(back.unread)).toEqual([5]);
  });
});
