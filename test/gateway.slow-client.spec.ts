import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient, type RawFrame } from './support/raw.client.js';

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

  it('makes the gateway keep one answer to its pings, and has the newest answered when it reads again', async () => {
    const { topic } = auction();
    const { url, app } = await startApp({ gateway: { topics: [topic], limits: { rate: 1_000_000 } } });
    const upgraded = once(app.getHttpServer() as Server, 'upgrade');
    const client = await RawClient.welcome(url);
    const [, server] = (await upgraded) as [unknown, Socket];
    const answers: string[] = [];
    client.socket.on('pong', (data) => answers.push(data.toString()));
    const pings = 100_000; // answers of 12 MB: more than the system's own buffers take
    const payload = (i: number): string => String(i).padEnd(125);
    const all = server.bytesRead + pings * (125 + 6);

    client.socket.pause();
    for (let i = 0; i < pings; i++) client.socket.ping(payload(i));
    await expect.poll(() => server.bytesRead, { timeout: 20_000 }).toBe(all);
    expect(server.writableLength).toBeLessThanOrEqual(125 + 2);
    client.socket.resume();

    await expect.poll(() => answers.at(-1)).toBe(payload(pings - 1));
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

describe('a client that stops reading under 2,000 events a second', { timeout: 30_000 }, () => {
  const LIMIT = 200_000;
  const PADDING = 'x'.repeat(5_000);
  const numbersIn = (frames: readonly RawFrame[]): number[] => frames.flatMap(({ data }) => data.data?.number ?? []);

  async function start(more: object = {}) {
    const log = new MemoryMessageLog();
    const { topic } = auction();
    const limits = { queue: LIMIT, ring: 1_000_000 };
    const { url, app } = await startApp({
      log,
      gateway: { topics: [topic], broadcast: { '*': 'data' }, limits, ...more },
    });
    const upgraded = once(app.getHttpServer() as Server, 'upgrade');
    const hello = { channels: [topic], types: { [topic]: ['Bid.Created'] } };
    const deaf = await RawClient.welcome(url, hello);
    const [, server] = (await upgraded) as [unknown, Socket];
    const other = await RawClient.welcome(url, hello);
    deaf.socket.pause();
    return { url, hello, deaf, other, server, events: publish(log, topic) };
  }

  /** Publishes events of two types, every other one of the type that is wanted, until it is told to stop. */
  function publish(log: MemoryMessageLog, topic: string) {
    let count = 0;
    const timer = setInterval(() => {
      for (let i = 0; i < 20; i++) {
        const type = count % 2 === 0 ? 'Bid.Created' : 'Lot.Changed';
        const headers = { ce_specversion: '1.0', ce_id: String(count), ce_source: '/test', ce_type: `event.${type}` };
        void log.publish({
          topic,
          partition: 0,
          key: 'lot',
          headers,
          value: JSON.stringify({ number: count++, PADDING }),
        });
      }
    }, 10);
    const stop = (): number[] => {
      clearInterval(timer);
      return Array.from({ length: count / 2 }, (_, i) => 2 * i);
    };
    onTestFinished(() => void stop());
    return {
      stop,
      get count() {
        return count;
      },
    };
  }

  /** Resolves when nothing more is written to a socket though hundreds of events come. */
  async function givenUp(server: Socket, events: { readonly count: number }): Promise<void> {
    const written = (): number => server.bytesWritten + server.writableLength;
    let last = written();
    let since = events.count;
    await expect
      .poll(
        () => {
          if (written() !== last) [last, since] = [written(), events.count];
          return events.count - since;
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(600);
  }

  it('costs little memory, holds up nobody, is told 4008 when it reads again, and recovers all', async () => {
    const { url, hello, deaf, other, server, events } = await start();
    await givenUp(server, events);
    expect(server.writableLength).toBeLessThan(LIMIT);

    const published = events.stop();
    await other.next(({ data }) => data.data?.number === published.at(-1));
    expect([...numbersIn(other.unread), published.at(-1)]).toEqual(published);

    deaf.socket.resume();
    expect(await deaf.closed).toMatchObject({ code: 4008 });
    const before = deaf.unread.filter(({ data }) => data.at);
    const { epoch, positions } = deaf.welcomed;
    const [topic, partition, offset] = before.at(-1)!.data.at as [string, number, string];
    positions[topic][partition] = offset;
    const back = await RawClient.welcome(url, { ...hello, epoch, positions }, { identity: deaf.identity });
    expect((await back.next('recovered')).data).toMatchObject({ complete: true });

    expect([...numbersIn(before), ...numbersIn(back.unread)]).toEqual(published);
  });

  it('is cut in the end when it never reads again', async () => {
    const { server, events } = await start({ closeTimeout: 100 });
    await Promise.all([givenUp(server, events), once(server, 'close')]);
  });
});
