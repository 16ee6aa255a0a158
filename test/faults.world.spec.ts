import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { FAULTS } from './faults/world/faults.js';
import { faultRounds } from './faults/world/fault.plan.js';
import { TcpProxy } from './faults/world/tcp.proxy.js';
import { freePorts } from './support/free.ports.js';
import { ServerProcess } from './support/server.process.js';
import { TemporaryDirectory } from './support/temporary.directory.js';

describe('a way of the network', () => {
  let proxy: TcpProxy;

  beforeEach(async () => {
    proxy = await TcpProxy.start(await echoServer());
  });

  it('passes what comes, both ways, and the end', async () => {
    const client = await through(proxy);

    client.socket.end('over');

    expect(await client.all()).toBe('over');
    await expect.poll(() => proxy.connections).toBe(0);
    proxy.stop();
  });

  it('that is cut resets those who use it, and lets them come again', async () => {
    const client = await through(proxy);

    proxy.cut();

    expect(await client.problem()).toBe('ECONNRESET');
    const next = await through(proxy);
    next.socket.end('again');
    expect(await next.all()).toBe('again');
    proxy.stop();
  });

  it('that refuses resets each that comes, until it is healed', async () => {
    proxy.refuse();
    const refused = open(proxy);
    expect(await refused.problem()).toBe('ECONNRESET');

    proxy.heal();

    const client = await through(proxy);
    client.socket.end('again');
    expect(await client.all()).toBe('again');
    proxy.stop();
  });

  it('that is silent takes everything, and passes it once it is healed', async () => {
    const [silent, other] = [await through(proxy), await TcpProxy.start(await echoServer())];
    proxy.silence();
    silent.socket.end('late');
    // What goes by another way meanwhile is there long before.
    const marker = await through(other);
    marker.socket.end('marker');
    expect(await marker.all()).toBe('marker');
    expect(silent.received()).toBe('');

    proxy.heal();

    expect(await silent.all()).toBe('late');
    proxy.stop();
    other.stop();
  });

  it('that is slow holds what comes for so long', async () => {
    const client = await through(proxy);
    proxy.delay = 50;
    const sent = performance.now();

    client.socket.end('slow');

    expect(await client.all()).toBe('slow');
    expect(performance.now() - sent).toBeGreaterThanOrEqual(95); // there and back; timers may be early by a part of a millisecond
    proxy.stop();
  });
});

describe('a process of the world', () => {
  it('tells that it ended, and nobody had asked it to', async () => {
    const server = await running('setTimeout(() => process.exit(3), 300)');

    await expect.poll(() => server.mishaps).toEqual(['ended by itself: code 3']);
  });

  it('tells that it did not stop when it was asked to', async () => {
    const server = await running('process.on("SIGTERM", () => undefined); setInterval(() => undefined, 1_000)');

    await server.stop(100);

    expect(server.mishaps).toEqual(['was asked to stop and ended by SIGKILL']);
  });

  it('tells nothing of ends that were asked for', async () => {
    const server = await running('setInterval(() => undefined, 1_000)');

    await server.kill();
    await server.start();
    await server.stop();
    await server.stop();

    expect(server.mishaps).toEqual([]);
  });
});

describe('the ports of suites', () => {
  it('are given out once, also where nobody listens on them yet', async () => {
    const all = (await Promise.all(Array.from({ length: 50 }, () => freePorts(10)))).flat();

    expect(new Set(all).size).toBe(500);
  });
});

describe('the plan of faults', () => {
  it('is the same for the same seed, and another one for another', () => {
    expect(planned(7, 40)).toEqual(planned(7, 40));
    expect(planned(7, 40)).not.toEqual(planned(8, 40));
  });

  it.each([1, 2, 3, 4, 5])('has every fault before any comes again (seed %i)', (seed) => {
    const names = planned(seed, FAULTS.length)
      .flat()
      .map(({ name }) => name);

    expect(new Set(names.slice(0, FAULTS.length))).toEqual(new Set(FAULTS.map(({ name }) => name)));
  });

  it.each([1, 2, 3, 4, 5])('never takes one thing away twice at the same time (seed %i)', (seed) => {
    for (const round of planned(seed, 200)) {
      const taken = round.flatMap(({ takes }) => takes);
      expect(new Set(taken).size).toBe(taken.length);
      expect(round.length).toBeLessThanOrEqual(3);
    }
  });

  it('chooses among all variants, for as long as each may last', () => {
    const rounds = planned(1, 2_000).flat();

    for (const kind of FAULTS) {
      const those = rounds.filter(({ name }) => name === kind.name);
      expect(new Set(those.map(({ variant }) => variant)).size).toBe(kind.variants);
      for (const { lasts } of those) {
        expect(lasts).toBeGreaterThanOrEqual(kind.lasts[0]);
        expect(lasts).toBeLessThanOrEqual(kind.lasts[1]);
      }
    }
  });
});

function planned(seed: number, rounds: number) {
  const plan = faultRounds(seed, FAULTS);
  return Array.from({ length: rounds }, () =>
    plan
      .next()
      .value.map(({ kind: { name, takes }, variant, lasts, after }) => ({ name, takes, variant, lasts, after })),
  );
}

/** A process that runs this program, and says when it does. */
async function running(program: string): Promise<ServerProcess> {
  const directory = new TemporaryDirectory('server');
  const logFile = join(directory.path, 'log');
  const server = new ServerProcess({
    name: 'A program',
    command: process.execPath,
    args: ['-e', `${program}; console.log('ready')`],
    logFile,
    isReady: async () => readFileSync(logFile, 'utf8').includes('ready'),
  });
  onTestFinished(async () => {
    await server.kill();
    directory.remove();
  });
  await server.start();
  return server;
}

async function echoServer(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function open(proxy: TcpProxy) {
  const socket: Socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  const ended = new Promise<string>((resolve) => void socket.once('end', () => resolve(text)));
  const failed = new Promise<string>((resolve) =>
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code!)),
  );
  socket.on('data', (data) => (text += String(data)));
  onTestFinished(() => void socket.destroy());
  return { socket, received: () => text, all: () => ended, problem: () => failed };
}

/** One whose way to the server is open. */
async function through(proxy: TcpProxy) {
  const client = open(proxy);
  await once(client.socket, 'connect');
  await expect.poll(() => proxy.connections).toBeGreaterThan(0);
  return client;
}
