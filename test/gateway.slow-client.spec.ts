import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { drained } from '../lib/gateway/recovery/drained.js';
import { Session } from '../lib/gateway/socket/session.js';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient } from './support/raw.client.js';

describe('a client that reads nothing', () => {
  it('is closed with 4008 when errors wait for it, and makes the gateway keep no more than the limit', async () => {
    const { topic } = auction();
    const queue = 500_000;
    const { url, app } = await startApp({ gateway: { topics: [topic], limits: { queue } } });
    const upgraded = once(app.getHttpServer() as Server, 'upgrade');
    const client = await RawClient.welcome(url);
    const [, server] = (await upgraded) as [unknown, Socket];
    const frames = 60; // fewer than what makes the gateway stop reading
    const channels = Array.from({ length: 1_024 }, (_, i) => `elsewhere-${i}`.padEnd(50, '-'));
    const frame = JSON.stringify({ event: 'subscribe', data: { channels } });
    const all = server.bytesRead + frames * (frame.length + 8);

    client.socket.pause();
    for (let i = 0; i < frames; i++) client.socket.send(frame);
    await expect.poll(() => server.bytesRead, { timeout: 20_000 }).toBe(all);
    const waiting = server.writableLength;
    expect(waiting).toBeLessThan(queue + 1_000);
    client.socket.resume();

    expect(await client.closed).toMatchObject({ code: 4008 });
    expect(client.unread.length).toBeLessThan(frames * channels.length);
  });

  it('keeps nobody from catching up, even where one at a time may read the log', { timeout: 10_000 }, async () => {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const limits = { recoveries: 1, ring: 1 };
    const { url } = await startApp({ log, gateway: { topics: [topic], broadcast: { '*': 'data' }, limits } });
    const { positions, epoch } = (await RawClient.welcome(url)).welcomed;
    const headers = { ce_specversion: '1.0', ce_id: '1', ce_source: '/test', ce_type: 'event.Bid.Created' };
    const value = JSON.stringify('x'.repeat(200_000));
    for (let i = 0; i < 100; i++) await log.publish({ topic, partition: 0, key: 'lot', value, headers });
    const read = log.read.bind(log);
    let reading = false;
    log.read = async function* (...range) {
      for await (const batch of read(...range)) {
        reading = true;
        yield batch;
      }
    };

    const deaf = await RawClient.connect(url);
    deaf.socket.pause();
    deaf.hello({ channels: [topic], positions, epoch });
    await expect.poll(() => reading).toBe(true);
    const other = await RawClient.welcome(url, { positions, epoch });

    expect((await other.next('recovered')).data).toMatchObject({ complete: true });
  });
});

describe('a client that reads slowly', () => {
  const session = (bufferedAmount: number) => {
    const closed: number[] = [];
    const socket = { bufferedAmount, send: () => undefined, close: (code: number) => closed.push(code) };
    return {
      closed,
      session: new Session(socket as unknown as WebSocket, { id: 's', publicKey: 'k', claims: undefined, handshake: { headers: {}, remoteAddress: undefined, address: undefined } }, 1_000),
    };
  };

  it('is not too slow for what recovery wrote before', () => {
    const { closed, session: slow } = session(10_000_000);
    slow.sendRecovered('x'.repeat(10_000));
    slow.sendLive('x'.repeat(100));
    expect(closed).toEqual([]);
  });

  it('is too slow once live frames wait above the limit', () => {
    const { closed, session: slow } = session(10_000_000);
    for (let i = 0; i < 11; i++) slow.sendLive('x'.repeat(100));
    expect(closed).toEqual([4008]);
  });
});

describe('a recovery that waits for its client to read', () => {
  /** A socket of which a look at the clock, three seconds after the last, finds what is left to read. */
  function socketWith(left: () => number) {
    let time = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (time += 3_000));
    onTestFinished(() => void vi.restoreAllMocks());
    const closed: number[] = [];
    const socket = {
      OPEN: 1,
      readyState: 1,
      get bufferedAmount() {
        return left();
      },
      close(code: number) {
        closed.push(code);
        this.readyState = 2;
      },
    };
    return { closed, socket: socket as unknown as WebSocket };
  }

  it('ends, and closes it with 4008, when it takes nothing at all', async () => {
    const { closed, socket } = socketWith(() => 10_000_000);
    await expect(drained(socket, new AbortController().signal)).rejects.toThrow('does not read');
    expect(closed).toEqual([4008]);
  });

  it('goes on when it takes a little now and then, however long it needs', async () => {
    let left = 1_000_000;
    const { closed, socket } = socketWith(() => (left -= 20_000));
    await drained(socket, new AbortController().signal);
    expect(closed).toEqual([]);
  });
});
