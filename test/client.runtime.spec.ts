import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../lib/client/client.clock.js';
import type { ClientOptionsInput } from '../lib/client/client.options.js';
import { createIdentity, newRequestId } from '../lib/client/client.identity.js';
import { KafkaSocketClient } from '../lib/client/kafka-socket.client.js';
import { failureOf, ScriptedGateway, startClient, waiting } from './support/scripted.gateway.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Replaces something of the runtime until the test ends. */
function stub(name: string, value: unknown): void {
  vi.stubGlobal(name, value);
  onTestFinished(() => void vi.unstubAllGlobals());
}

describe('a runtime without a WebSocket', () => {
  it('is told what to give', () => {
    stub('WebSocket', undefined);

    expect(() => new KafkaSocketClient('ws://localhost/socket')).toThrow(
      expect.objectContaining({ code: 'websocket_missing', message: expect.stringContaining("from 'ws'") as string }),
    );
  });

  it('is not needed where one is given, and the runtime’s own is used where none is', async () => {
    stub('WebSocket', WebSocket);
    const gateway = await ScriptedGateway.start();
    const client = new KafkaSocketClient(gateway.url);
    onTestFinished(() => client.close());

    expect((await gateway.next()).hello.sessionId).toBe(client.sessionId);
  });
});

describe('a runtime without WebCrypto', () => {
  it.each([undefined, {}, { getRandomValues: crypto.getRandomValues.bind(crypto) }])(
    'is told where there is one',
    (value) => {
      stub('crypto', value);

      expect(() => new KafkaSocketClient('ws://localhost/socket', { WebSocket })).toThrow(
        expect.objectContaining({ code: 'webcrypto_missing', message: expect.stringContaining('https://') as string }),
      );
    },
  );

  it('makes an identity no better', async () => {
    stub('crypto', {});

    expect(await failureOf(createIdentity())).toMatchObject({ code: 'webcrypto_missing' });
  });
});

describe('a key pair that cannot be made', () => {
  it('is reported, and made for the next attempt', async () => {
    const gateway = await ScriptedGateway.start();
    const generateKey = vi.spyOn(crypto.subtle, 'generateKey').mockRejectedValueOnce(new Error('no entropy'));
    onTestFinished(() => generateKey.mockRestore());
    const { client, clock, errors } = startClient(gateway);
    clock.advance(await waiting(client));

    expect((await gateway.next()).hello.sessionId).toBe(client.sessionId);
    expect(errors).toMatchObject([{ code: 'connection_failed', cause: new Error('no entropy') }]);
  });
});

describe('a RequestId', () => {
  it('is a UUID of its own', () => {
    const ids = new Set(Array.from({ length: 100 }, () => newRequestId(crypto)));

    expect(ids.size).toBe(100);
    for (const id of ids) expect(id).toMatch(UUID);
  });
});

describe('an identity that was kept', () => {
  it('goes on with its session and key', async () => {
    const gateway = await ScriptedGateway.start();
    const identity = await createIdentity();
    const { client } = startClient(gateway, { identity });
    const first = await gateway.next();
    client.close();
    startClient(gateway, { identity });
    const second = await gateway.next();

    expect(first.hello.sessionId).toBe(identity.sessionId);
    expect(second.hello).toEqual(first.hello);
    expect(identity.keyPair.privateKey.extractable).toBe(false);
  });
});

describe('options', () => {
  it('that make no sense are refused, all at once', () => {
    const options = {
      ttl: 0,
      slack: Number.NaN,
      ofline: 1,
      reconnect: { minimum: 2, maximum: 1, jitter: 3 },
    } as ClientOptionsInput;
    const make = () => new KafkaSocketClient('ws://localhost/socket', { WebSocket, ...options });

    for (const problem of [
      'options.ttl (0)',
      'options.slack (NaN)',
      'options.ofline',
      'options.reconnect.jitter',
      'minimum (2)',
    ]) {
      expect(make).toThrow(
        expect.objectContaining({
          code: 'client_options_invalid',
          message: expect.stringContaining(problem) as string,
        }),
      );
    }
  });

  it('that are undefined are left out', async () => {
    const gateway = await ScriptedGateway.start();
    const { client } = startClient(gateway, { ttl: undefined, reconnect: undefined });
    client.send('auction', 'PlaceBid', {}).catch(() => undefined);
    const socket = await gateway.next();
    socket.welcome();

    expect(await socket.next('request')).toMatchObject({ ttl: 30_000 });
  });
});

describe('the client’s clock', () => {
  it('counts the time that the device slept, and never goes back', () => {
    const wall = vi.spyOn(Date, 'now');
    onTestFinished(() => wall.mockRestore());
    wall.mockReturnValue(1_000_000);
    const clock = systemClock();
    const before = clock.now();
    wall.mockReturnValue(1_000_000 + 3_600_000); // an hour by the wall, nothing by performance.now()
    const after = clock.now();
    wall.mockReturnValue(0);

    expect(after - before).toBeGreaterThanOrEqual(3_599_000);
    expect(clock.now()).toBeGreaterThanOrEqual(after);
  });
});
