import { createContext, runInContext } from 'node:vm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type * as Client from '../lib/client/index.js';
import { bundleClient } from './support/client.bundle.js';
import { failureOf, reached, ScriptedGateway, waiting } from './support/scripted.gateway.js';

const bundle = await bundleClient();

describe('the client in one file', () => {
  it(`takes ${bundle.gzipped} bytes, gzipped, and may take 12 kB`, () => {
    expect(bundle.gzipped).toBeLessThan(12_000);
  });

  it('needs nothing beside itself', () => {
    expect(bundle.imports).toEqual([]);
    expect(bundle.code).not.toMatch(/node:|\brequire\(|\bBuffer\b|\bprocess\./);
  });
});

/** As much as every runtime has, React Native among them: of Node nothing, no TextDecoder, no performance, no WebCrypto. */
const BARE = { WebSocket, setTimeout, clearTimeout, TextEncoder, atob, btoa };

/** What a polyfill has to have: no more than the types ask for. */
const POLYFILL: Client.ClientCrypto = {
  getRandomValues: (array) => crypto.getRandomValues(array),
  subtle: {
    generateKey: crypto.subtle.generateKey.bind(crypto.subtle),
    importKey: crypto.subtle.importKey.bind(crypto.subtle),
    exportKey: crypto.subtle.exportKey.bind(crypto.subtle),
    deriveBits: crypto.subtle.deriveBits.bind(crypto.subtle),
    sign: crypto.subtle.sign.bind(crypto.subtle),
    decrypt: crypto.subtle.decrypt.bind(crypto.subtle),
  },
};

describe('a runtime that has only what JavaScript, sockets and timers take', () => {
  it('runs the client, with a WebCrypto by option', async () => {
    const gateway = await ScriptedGateway.start();
    const { KafkaSocketClient } = load();
    const client = new KafkaSocketClient(gateway.url, { crypto: POLYFILL, reconnect: { minimum: 0, maximum: 0 } });
    onTestFinished(() => client.close());
    const heard: unknown[] = [];
    client.on('auction', 'Bid', 'Created', (bid) => heard.push(bid));
    const first = client.send('auction', 'PlaceBid', { name: 'Größe £ 😀' });
    const failure = failureOf(client.send('auction', 'PlaceBid', {}));
    const socket = await gateway.next();
    socket.welcome();
    const [request, refused] = [await socket.next('request'), await socket.next('request')];
    socket.result(request, ['auction', 0, '10'], { status: 'success', value: 'Größe £ 😀' });
    socket.result(refused, ['auction', 0, '11'], { status: 'rejected', code: 'BID_TOO_LOW' });
    socket.broadcast(['auction', 0, '12'], 'Bid.Created', { data: { lot: 7 } });

    expect(request.payload).toEqual({ name: 'Größe £ 😀' });
    expect(await first).toBe('Größe £ 😀');
    expect(await failure).toMatchObject({ status: 'rejected', code: 'BID_TOO_LOW' });
    expect(JSON.stringify(heard)).toBe('[{"lot":7}]');
    const lost = waiting(client);
    socket.cut();
    await lost;
    const next = await gateway.next();
    expect(next.hello.positions).toMatchObject({ auction: { 0: '12' } });
    next.welcome({ positions: next.hello.positions! });
    next.send('recovered', { topic: 'auction', complete: true, count: 0 });
    await reached(client, 'live');
  });

  it('makes identities with it as well', async () => {
    const { createIdentity } = load();
    const { sessionId, keyPair } = await createIdentity(POLYFILL);

    expect(sessionId).toMatch(/^[\w-]{24}$/);
    expect(keyPair.privateKey.extractable).toBe(false);
  });

  it.each<[string, Partial<typeof globalThis>, Partial<Client.ClientCrypto> | undefined]>([
    ['there is none', {}, undefined],
    ['there is half of one', { crypto: { getRandomValues: POLYFILL.getRandomValues } as unknown as Crypto }, undefined],
    ['half of one is given', {}, { subtle: POLYFILL.subtle }],
  ])('is told of the option where %s', (_, more, given) => {
    const { KafkaSocketClient } = load(more);
    const make = () => new KafkaSocketClient('ws://localhost/socket', { crypto: given as Client.ClientCrypto });

    expect(make).toThrow(
      expect.objectContaining({
        code: 'webcrypto_missing',
        message: expect.stringContaining('option `crypto`') as string,
      }),
    );
  });
});

/** Loads the bundle where nothing is in reach but the language itself, {@link BARE} and what is given. */
function load(more: object = {}): typeof Client {
  const context = createContext({ ...BARE, ...more });
  return runInContext(`${bundle.code};KafkaSocket`, context) as typeof Client;
}
