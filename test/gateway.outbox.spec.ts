import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { type MockInstance, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import { drained } from '../lib/gateway/recovery/drained.js';
import { Outbox } from '../lib/gateway/socket/outbox.js';
import { OutboxFlusher } from '../lib/gateway/socket/outbox.flusher.js';
import { wireFrame } from '../lib/gateway/socket/wire.frame.js';
import { CloseCode } from '../lib/protocol/close-codes.js';

/** A real client that is connected, what it got, and what was written to it. */
interface Peer {
  readonly socket: WebSocket;
  readonly got: readonly string[];
  readonly closed: Promise<unknown[]>;
  readonly writes: MockInstance<Socket['write']>;
}

async function connect(options: ServerOptions = {}): Promise<Peer> {
  const server = new WebSocketServer({ ...options, host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  await once(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => client.terminate());
  const got: string[] = [];
  client.on('message', (data) => got.push((data as Buffer).toString()));
  const [[socket, request]] = (await Promise.all([once(server, 'connection'), once(client, 'open')])) as [
    [WebSocket, { socket: Socket }],
    unknown,
  ];
  return { socket, got, closed: once(client, 'close'), writes: vi.spyOn(request.socket, 'write') };
}

function flusher(window = 0): OutboxFlusher {
  const made = new OutboxFlusher(window);
  onTestFinished(() => made.stop());
  return made;
}

const texts = (count: number, prefix = 'text'): string[] => Array.from({ length: count }, (_, i) => `${prefix} ${i}`);

describe('what is due to a client', () => {
  it('goes out in one write, in order, wherever in the turn it came from', async () => {
    const { socket, got, writes } = await connect();
    const outbox = new Outbox(socket, flusher(), 1_000_000);

    for (const text of texts(20)) outbox.send(wireFrame(text));
    queueMicrotask(() => outbox.sendPatiently(wireFrame('recovered')));
    process.nextTick(() => outbox.send(wireFrame('last')));

    await expect.poll(() => got).toEqual([...texts(20), 'recovered', 'last']);
    expect(writes).toHaveBeenCalledTimes(1);
  });

  it.each([0, 1, 125, 126, 65_535, 65_536, 300_000])('arrives as it is, with %i bytes', async (length) => {
    const { socket, got } = await connect();
    const outbox = new Outbox(socket, flusher(), 1_000_000);
    const text = '€'.repeat(length / 3).padEnd(length - 2 * Math.floor(length / 3), '-');

    outbox.send(wireFrame(text));
    outbox.send(wireFrame('end'));

    await expect.poll(() => got).toEqual([text, 'end']);
  });

  it('is joined once for all to whom the same is due, and for nobody else', async () => {
    const flush = flusher();
    const peers = [await connect(), await connect(), await connect()];
    const [one, same, other] = peers.map(({ socket }) => new Outbox(socket, flush, 1_000_000));
    const both = wireFrame('both');

    for (const text of texts(3)) {
      const frame = wireFrame(text);
      for (const outbox of [one!, same!]) outbox.send(frame);
    }
    for (const outbox of [one!, other!, same!]) outbox.send(both);

    await expect.poll(() => peers[2]!.got).toEqual(['both']);
    for (const { got } of peers.slice(0, 2)) await expect.poll(() => got).toEqual([...texts(3), 'both']);
    expect(peers[0]!.writes.mock.calls[0]![0]).toBe(peers[1]!.writes.mock.calls[0]![0]);
    expect(peers[2]!.writes.mock.calls[0]![0]).toBe(both);
  });

  it('is not copied where it is long, and keeps its place among what is short', async () => {
    const { socket, got, writes } = await connect();
    const outbox = new Outbox(socket, flusher(), 1_000_000);
    const row = [...texts(2), 'x'.repeat(20_000), 'y'.repeat(20_000), ...texts(2, 'more'), 'z'.repeat(20_000)];
    const frames = row.map((text) => wireFrame(text));

    for (const frame of frames) outbox.send(frame);

    await expect.poll(() => got).toEqual(row);
    const written = writes.mock.calls.map(([chunk]) => chunk);
    for (const frame of frames.filter(({ length }) => length > 20_000)) expect(written).toContain(frame);
    expect(written.length).toBe(5);
  });

  it('goes out before the goodbye, and nothing after it', async () => {
    const { socket, got, closed } = await connect();
    const outbox = new Outbox(socket, flusher(60_000), 1_000_000);

    for (const text of texts(3)) outbox.send(wireFrame(text));
    outbox.close(CloseCode.shuttingDown, 'bye');
    outbox.send(wireFrame('too late'));
    outbox.close(CloseCode.tooSlow, 'too late');

    expect((await closed)[0]).toBe(4001);
    expect(got).toEqual(texts(3));
    expect(outbox.bytes).toBe(0);
  });

  it('waits for more as long as the window is open', async () => {
    const { socket, got, writes } = await connect();
    const outbox = new Outbox(socket, flusher(100), 1_000_000);

    for (const text of texts(5)) {
      outbox.send(wireFrame(text));
      await new Promise(setImmediate);
    }

    await expect.poll(() => got).toEqual(texts(5));
    expect(writes).toHaveBeenCalledTimes(1);
  });

  it('may be more than the limit in one turn, if the network takes it', async () => {
    const { socket, got } = await connect();
    const outbox = new Outbox(socket, flusher(), 1_000);

    for (const text of texts(500)) outbox.send(wireFrame(text));

    await expect.poll(() => got).toEqual(texts(500));
  });
});

describe('a socket that is not as we know it', () => {
  const hidden = (socket: WebSocket): WebSocket =>
    new Proxy(socket, {
      get: (target, key) => {
        const value: unknown = key === '_sender' ? undefined : Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });

  it.each([
    ['because `ws` has other insides', {}, hidden],
    ['because it compresses', { perMessageDeflate: { threshold: 0 } }, (socket: WebSocket) => socket],
  ])('%s, gets the same, frame by frame', async (_, options, changed) => {
    const { socket, got, closed, writes } = await connect(options);
    const outbox = new Outbox(changed(socket), flusher(), 1_000_000);

    for (const text of texts(20)) outbox.send(wireFrame(text));
    const row = [...texts(3, 'recovered'), 'x'.repeat(300), '€'.repeat(70_000)];
    outbox.sendPatiently(Buffer.concat(row.map((text) => wireFrame(text))));
    await expect.poll(() => got).toEqual([...texts(20), ...row]);
    outbox.send(wireFrame('last'));
    outbox.close(CloseCode.shuttingDown, 'bye');

    expect((await closed)[0]).toBe(4001);
    expect(got.at(-1)).toBe('last');
    expect(writes.mock.calls.length).toBeGreaterThan(20);
  });

  it('because something else is still on its way, keeps the order', async () => {
    const { socket, got } = await connect();
    const outbox = new Outbox(socket, flusher(), 1_000_000);

    socket.send(new Blob(['first']));
    outbox.send(wireFrame('second'));
    outbox.send(wireFrame('third'));
    outbox.flush();

    await expect.poll(() => got).toEqual(['first', 'second', 'third']);
  });
});

/** A socket that says how much waits in it. */
function socketWith(waiting: () => number) {
  const closed: number[] = [];
  const sent: unknown[] = [];
  const socket = {
    OPEN: 1,
    readyState: 1,
    extensions: '',
    get bufferedAmount() {
      return waiting();
    },
    send: (data: unknown) => sent.push(data),
    close(code: number) {
      closed.push(code);
      this.readyState = 2;
    },
  };
  return { closed, sent, outbox: new Outbox(socket as unknown as WebSocket, flusher(), 1_000) };
}

const hundred = wireFrame('x'.repeat(98));

describe('a client that reads slowly', () => {
  it('is not too slow for what recovery wrote before', () => {
    const { closed, outbox } = socketWith(() => 10_000_000);
    for (let i = 0; i < 100; i++) outbox.sendPatiently(hundred);
    outbox.send(hundred);
    expect(closed).toEqual([]);
  });

  it('is too slow once live frames wait above the limit, and gets nothing more', () => {
    const { closed, sent, outbox } = socketWith(() => 10_000_000);
    outbox.send(hundred);
    outbox.flush(); // from here on it is known that the socket has enough to do
    for (let i = 0; i < 20; i++) outbox.send(hundred);
    expect(closed).toEqual([4008]);
    expect(sent.length).toBe(1);
    expect(outbox.bytes).toBe(10_000_000); // of its own it keeps nothing
  });

  it('gets what waited in one piece when it has read', async () => {
    let waiting = 10_000_000;
    const { closed, sent, outbox } = socketWith(() => waiting);
    outbox.send(hundred);
    outbox.flush();
    for (let i = 0; i < 5; i++) outbox.send(hundred);
    await new Promise(setImmediate);
    expect(sent.length).toBe(1);

    waiting = 0;

    await expect.poll(() => sent.length).toBe(6);
    expect(closed).toEqual([]);
  });
});

describe('a recovery that waits for its client to read', () => {
  /** Lets each look at the clock find three seconds gone. */
  function timeFlies(): void {
    let time = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (time += 3_000));
    onTestFinished(() => void vi.restoreAllMocks());
  }

  it('ends, and closes it with 4008, when it takes nothing at all', async () => {
    timeFlies();
    const { closed, outbox } = socketWith(() => 10_000_000);
    await expect(drained(outbox, new AbortController().signal)).rejects.toThrow('got its goodbye');
    expect(closed).toEqual([4008]);
  });

  it('ends when the goodbye was said, though little waits', async () => {
    const { outbox } = socketWith(() => 0);
    outbox.close(CloseCode.tokenExpired, 'the token expired');
    await expect(drained(outbox, new AbortController().signal)).rejects.toThrow('got its goodbye');
  });

  it('goes on when it takes a little now and then, however long it needs', async () => {
    timeFlies();
    let left = 1_000_000;
    const { closed, outbox } = socketWith(() => (left -= 20_000));
    await drained(outbox, new AbortController().signal);
    expect(closed).toEqual([]);
  });
});
