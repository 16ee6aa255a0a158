import { describe, expect, it, vi } from 'vitest';
import { ReconnectBackoff } from '../lib/client/reconnect.backoff.js';
import { CloseCode } from '../lib/protocol/close-codes.js';
import { ManualClock } from './support/manual.clock.js';
import {
  failureOf,
  reached,
  ScriptedGateway,
  startClient,
  startLiveClient,
  waiting,
} from './support/scripted.gateway.js';

describe('clients that lost a gateway together', () => {
  it('come back spread over all of the ceiling', () => {
    const clients = Array.from({ length: 1_000 }, (_, i) => {
      return new ReconnectBackoff(500, 20_000, new ManualClock(), () => (i + 0.5) / 1_000);
    });
    for (const ceiling of [500, 1_000, 2_000]) {
      const pauses = clients.map((backoff) => backoff.next(1006));
      for (let part = 0; part < 10; part++) {
        const within = pauses.filter((pause) => pause >= (part * ceiling) / 10 && pause < ((part + 1) * ceiling) / 10);
        expect(within.length, `of ${ceiling} ms, part ${part}`).toBeGreaterThan(90);
      }
    }
  });
});

describe('a client that was sent away for its rate', () => {
  it('rests for a second more than others, and begins without a burst', async () => {
    const { client, clock, gateway, socket } = await startLiveClient({ random: () => 0 }, { positions: {} });
    for (let i = 0; i < 20; i++) client.send('auction', `C${i}`, {}).catch(() => undefined);
    const lost = waiting(client);
    socket.close(CloseCode.rate, 'too many frames a second');
    const pause = await lost;
    clock.advance(pause);
    const next = await gateway.next();
    next.welcome({ positions: {}, limits: { payload: 65_536, rate: 10 } });
    expect(await next.seen()).toEqual([]);
    clock.advance(1_050);

    expect(pause).toBe(1_000);
    expect(await next.seen()).toHaveLength(9); // nine tenths of the rate
  });

  it('has its burst again at the gateway after the next', async () => {
    const { client, clock, gateway, socket } = await startLiveClient({ random: () => 0 }, { positions: {} });
    let next = socket;
    for (const code of [CloseCode.rate, CloseCode.shuttingDown]) {
      const lost = waiting(client);
      next.close(code);
      clock.advance(await lost);
      next = await gateway.next();
      next.welcome({ positions: {} });
      await reached(client, 'live');
    }
    client.send('auction', 'PlaceBid', {}).catch(() => undefined);

    expect(await next.next('request')).toMatchObject({ command: 'PlaceBid' });
  });
});

describe('a client that may not come back', () => {
  it('says so to everyone who waits, with the code and the reason', async () => {
    const gateway = await ScriptedGateway.start();
    const { client } = startClient(gateway);
    const waiters = [client.send('auction', 'PlaceBid', {}), client.send('auction', 'Settle', {}), client.ready()];
    const failures = Promise.all(waiters.map(failureOf));
    const socket = await gateway.next();
    socket.close(CloseCode.badToken, 'the token is not accepted');

    for (const failure of await failures) {
      expect(failure).toMatchObject({
        code: 'client_closed',
        message: expect.stringMatching(/4500 \(the token is not accepted\).*connect\(\)/) as string,
      });
    }
    expect(await failureOf(client.send('auction', 'PlaceBid', {}))).toMatchObject({ code: 'client_closed' });
  });
});

describe('a gateway that sends everything but a welcome', () => {
  it('is left when the time to connect is over', async () => {
    const gateway = await ScriptedGateway.start();
    const { client, clock } = startClient(gateway, { connectTimeout: 3_000 });
    const socket = await gateway.next();
    clock.advance(2_999);
    await socket.seen(); // it talks, and talks
    const lost = waiting(client);
    clock.advance(1);

    expect(await lost).toBeGreaterThan(0);
  });
});

describe('a gateway that owes what was missed', () => {
  it('is left when nothing of it came in for too long, but pings that move nothing', async () => {
    const { client, clock, gateway, socket } = await comingBack({ recoveryTimeout: 20_000 });
    socket.broadcast(['auction', 0, '12'], 'Bid.Created');
    await socket.seen();
    clock.advance(19_999);
    socket.send('ping', { positions: { auction: { 0: '12', 1: '19' } } });
    await socket.seen();
    expect(client.state).toBe('recovering');
    const lost = waiting(client);
    clock.advance(1);
    clock.advance(await lost);

    expect((await gateway.next()).hello.positions).toEqual({ auction: { 0: '12', 1: '19' } });
  });

  it('may take as long as it wants while some comes in', async () => {
    const { client, clock, socket } = await comingBack({ recoveryTimeout: 20_000 });
    for (let offset = 10; offset < 20; offset++) {
      clock.advance(15_000);
      socket.broadcast(['auction', 0, `${offset}`], 'Bid.Created');
      await socket.seen();
    }
    socket.send('recovered', { topic: 'auction', complete: true, count: 10 });
    await reached(client, 'live');
    const states = vi.fn();
    client.onState(states);
    clock.advance(20_000);

    expect(states).not.toHaveBeenCalled();
  });
});

describe('a gateway that passes by much that is not for the client', () => {
  it('is not left while its pings move on, though no frame comes', async () => {
    const { client, clock, socket } = await comingBack({ recoveryTimeout: 20_000 });
    for (let offset = 1_000; offset < 6_000; offset += 1_000) {
      clock.advance(15_000);
      socket.send('ping', { positions: { auction: { 0: `${offset}`, 1: '19' } } });
      await socket.seen();
    }
    expect(client.state).toBe('recovering');
    socket.send('recovered', { topic: 'auction', complete: true, count: 0 });
    await reached(client, 'live');
  });
});

describe('a client that is closed by who hears that it connects', () => {
  it('stays closed, and leaves nothing behind', async () => {
    const { client, clock, socket } = await startLiveClient();
    const lost = waiting(client);
    socket.cut();
    const pause = await lost;
    client.onState((state) => state === 'connecting' && client.close());
    clock.advance(pause);

    expect(client.state).toBe('closed');
    expect(clock.pending).toBe(0);
  });
});

/** A client that was live, lost its gateway, and is welcomed by the next. */
async function comingBack(options: { recoveryTimeout: number }) {
  const live = await startLiveClient(options);
  const lost = waiting(live.client);
  live.socket.cut();
  live.clock.advance(await lost);
  const socket = await live.gateway.next();
  socket.welcome({ positions: socket.hello.positions! });
  await reached(live.client, 'recovering');
  return { ...live, socket };
}
