import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { ConnectionState, StateDetails } from '../lib/client/connection.js';
import { KafkaSocketClient } from '../lib/client/kafka-socket.client.js';
import { CloseCode } from '../lib/protocol/close-codes.js';
import { isPublicKey } from '../lib/gateway/sealing/public-key.js';
import {
  failureOf,
  reached,
  ScriptedGateway,
  startClient,
  startLiveClient,
  waiting,
} from './support/scripted.gateway.js';

describe('a client that connects', () => {
  it('offers the sub-protocol and says hello first', async () => {
    const gateway = await ScriptedGateway.start();
    const { client } = startClient(gateway, { token: 'a-token' });
    client.on('auction', 'Bid', 'Created', () => undefined);
    client.on('billing', () => undefined);
    const { socket, hello } = await gateway.next();

    expect(socket.protocol).toBe('kafka-socket.v1');
    expect(hello).toEqual({
      sessionId: client.sessionId,
      publicKey: expect.any(String) as string,
      token: 'a-token',
      channels: ['auction', 'billing'],
      types: { auction: ['Bid.Created'] },
    });
    expect(client.sessionId).toMatch(/^[A-Za-z0-9_-]{22,64}$/); // 128 bits take 22 characters
    expect(isPublicKey(hello.publicKey)).toBe(true);
  });

  it('goes from connecting to live, and is ready then', async () => {
    const gateway = await ScriptedGateway.start();
    const { client } = startClient(gateway);
    const states: ConnectionState[] = [client.state];
    client.onState((state) => states.push(state));
    const ready = Promise.all([client.ready(), client.ready()]);
    const socket = await gateway.next();
    expect(client.state).toBe('connecting');
    socket.welcome();
    await ready;
    await client.ready();

    expect(states).toEqual(['connecting', 'live']);
  });

  it('is another session than every other client', async () => {
    const gateway = await ScriptedGateway.start();
    const [one, other] = [startClient(gateway).client, startClient(gateway).client];

    expect(one.sessionId).not.toBe(other.sessionId);
    expect((await gateway.next()).hello.publicKey).not.toBe((await gateway.next()).hello.publicKey);
  });

  it('gives up an attempt that brings no welcome, and makes the next', async () => {
    const gateway = await ScriptedGateway.start();
    const { client, clock } = startClient(gateway, { connectTimeout: 3_000 });
    const first = await gateway.next();
    const lost = waiting(client);
    clock.advance(3_000);
    clock.advance(await lost);

    await first.closed;
    (await gateway.next()).welcome();
    await client.ready();
  });

  it('tries again where nobody listens', async () => {
    const gateway = await ScriptedGateway.start();
    const { client } = startClient(gateway);
    const nowhere = new KafkaSocketClient('ws://127.0.0.1:9', { WebSocket });
    onTestFinished(() => nowhere.close());
    const details = new Promise<StateDetails>((resolve) => {
      nowhere.onState((state, told) => state === 'waiting' && resolve(told));
    });

    expect(await details).toMatchObject({ lost: { code: 1006 }, retryIn: expect.any(Number) as number });
    expect(client.state).toBe('connecting');
  });

  it('stays closed where no socket can be made for the address', async () => {
    const client = new KafkaSocketClient('nonsense', { WebSocket });
    const failure = await failureOf(client.ready());

    expect(failure).toMatchObject({ code: 'client_closed' });
    expect((failure as Error).message).toContain('nonsense');
    expect(client.state).toBe('closed');
  });
});

describe('a client whose connection is lost', () => {
  it.each([
    CloseCode.shuttingDown,
    CloseCode.tokenExpired,
    CloseCode.tooSlow,
    CloseCode.insufficientState,
    CloseCode.noPong,
    CloseCode.rate,
    1001,
    1011,
  ])('comes back after %d', async (code) => {
    const { client, clock, gateway, socket } = await startLiveClient();
    const lost = waiting(client);
    socket.close(code, 'go');
    clock.advance(await lost);

    (await gateway.next()).welcome({ positions: {} });
  });

  it.each([
    CloseCode.badToken,
    CloseCode.badFrames,
    CloseCode.noHello,
    CloseCode.forbidden,
    CloseCode.connectionLimit,
    CloseCode.protocol,
  ])('stays away after %d, and ends what is under way', async (code) => {
    const { client, clock, socket } = await startLiveClient();
    const failure = failureOf(client.send('auction', 'PlaceBid', {}));
    await socket.next('request');
    const details = new Promise<StateDetails>((resolve) => void client.onState((_, told) => resolve(told)));
    socket.close(code, 'go away');

    expect(await details).toEqual({ lost: { code, reason: 'go away' } });
    expect(await failure).toMatchObject({ status: 'unknown', code: 'client_closed' });
    expect(await failureOf(client.ready())).toMatchObject({ code: 'client_closed' });
    expect(client.state).toBe('closed');
    expect(clock.pending).toBe(0);
  });

  it('may be told to come back, also by who hears that it is closed', async () => {
    const { client, gateway, socket } = await startLiveClient();
    const off = client.onState((state) => state === 'closed' && client.connect());
    socket.close(CloseCode.badToken);
    const next = await gateway.next();
    off();
    next.welcome({ positions: {} });
    next.send('recovered', { topic: 'auction', complete: true, count: 0 });
    await client.ready();
    client.send('auction', 'PlaceBid', {}).catch(() => undefined);

    expect(await next.next('request')).toMatchObject({ command: 'PlaceBid' });
  });

  it('waits for longer and longer, up to the maximum', async () => {
    const { client, clock, gateway, socket } = await startLiveClient();
    const pauses: number[] = [];
    let next = socket;
    for (let i = 0; i < 8; i++) {
      const lost = waiting(client);
      next.cut();
      pauses.push(await lost);
      clock.advance(pauses.at(-1)!);
      next = await gateway.next();
    }

    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
  });

  it('begins with short pauses again after a connection that lasted', async () => {
    const { client, clock, gateway, socket } = await startLiveClient();
    let lost = waiting(client);
    socket.cut();
    clock.advance(await lost);
    const second = await gateway.next();
    second.welcome({ positions: {} });
    await reached(client, 'recovering');
    clock.advance(5_000);
    lost = waiting(client);
    second.cut();

    expect(await lost).toBe(500);
  });

  it('waits for a random time below the ceiling', async () => {
    const { client, socket } = await startLiveClient({ random: () => 0.25, reconnect: { minimum: 1_000 } });
    const lost = waiting(client);
    socket.cut();

    expect(await lost).toBe(250);
  });
});

describe('the heartbeat', () => {
  it('is answered', async () => {
    const { socket } = await startLiveClient();
    socket.send('ping', { positions: { auction: { 0: '12' } } });

    expect(await socket.next('pong')).toEqual({});
  });

  it('that is missed makes the client drop the socket and come back', async () => {
    const { client, clock, gateway, socket } = await startLiveClient(
      {},
      { heartbeat: { interval: 20_000, timeout: 5_000 } },
    );
    clock.advance(24_000);
    await socket.seen(); // in time
    clock.advance(24_999);
    expect(client.state).toBe('live');
    const lost = waiting(client);
    clock.advance(1);
    clock.advance(await lost);

    await socket.closed;
    await gateway.next();
  });
});

describe('close()', () => {
  it('closes the socket, ends what is under way and leaves nothing behind', async () => {
    const { client, clock, socket } = await startLiveClient();
    const sent = failureOf(client.send('auction', 'PlaceBid', {}));
    await socket.next('request');
    client.close();
    client.close();

    expect(await sent).toMatchObject({ status: 'unknown', code: 'client_closed' });
    expect(await failureOf(client.ready())).toMatchObject({ code: 'client_closed' });
    await socket.closed;
    expect(client.state).toBe('closed');
    expect(clock.pending).toBe(0);
  });

  it('works before the socket is open', async () => {
    const gateway = await ScriptedGateway.start();
    const { client, clock } = startClient(gateway);
    const [queued, ready] = [failureOf(client.send('auction', 'PlaceBid', {})), failureOf(client.ready())];
    client.close();

    expect(await queued).toMatchObject({ status: 'unavailable', code: 'client_closed' });
    expect(await ready).toMatchObject({ code: 'client_closed' });
    expect(clock.pending).toBe(0);
  });

  it('works while it waits for the next attempt', async () => {
    const { client, clock, socket } = await startLiveClient();
    const lost = waiting(client);
    socket.cut();
    await lost;
    client.close();

    expect(clock.pending).toBe(0);
  });
});
