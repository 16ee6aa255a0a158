import { describe, expect, it, vi } from 'vitest';
import { CloseCode } from '../lib/protocol/close-codes.js';
import { FakePage } from './support/fake.page.js';
import { startLiveClient, waiting } from './support/scripted.gateway.js';

type Waker = [name: string, wake: (page: FakePage) => void];
const WAKERS: Waker[] = [
  ['the network is back', (page) => page.tell('online')],
  ['the page comes out of the back/forward cache', (page) => page.tell('pageshow')],
  ['the page is thawed', (page) => page.tell('resume')],
  ['the page is shown again', (page) => page.show('visible')],
];
const HEARTBEAT = { heartbeat: { interval: 20_000, timeout: 5_000 } };

describe('a client that waits to come back', () => {
  it.each(WAKERS)('does so soon when %s, and not at the same moment as all others', async (_, wake) => {
    const page = new FakePage();
    // The long pause, then a fifth of the first ceiling.
    const random = vi.fn<() => number>().mockReturnValueOnce(1).mockReturnValue(0.2);
    const { client, clock, gateway, socket } = await startLiveClient({
      random,
      reconnect: { minimum: 1_000, maximum: 60_000 },
    });
    const lost = waiting(client);
    socket.cut();
    expect(await lost).toBe(1_000);
    wake(page);
    clock.advance(199);
    expect(client.state).toBe('waiting');
    clock.advance(1);

    await gateway.next();
  });

  it('does not do so later than it meant to', async () => {
    const page = new FakePage();
    const random = vi.fn<() => number>().mockReturnValueOnce(0.1).mockReturnValue(1);
    const { client, clock, gateway, socket } = await startLiveClient({ random });
    const lost = waiting(client);
    socket.cut();
    const pause = await lost;
    page.tell('online');
    clock.advance(pause);

    expect(pause).toBe(50);
    await gateway.next();
  });

  it('waits all the same where it was sent away for its rate', async () => {
    const page = new FakePage();
    const random = vi.fn<() => number>().mockReturnValue(0);
    const { client, clock, gateway, socket } = await startLiveClient({ random });
    const lost = waiting(client);
    socket.close(CloseCode.rate, 'too many frames');
    expect(await lost).toBe(1_000);
    page.tell('online');
    clock.advance(999);
    expect(client.state).toBe('waiting');
    clock.advance(1);

    await gateway.next();
  });

  it('is not woken by a page that is hidden', async () => {
    const page = new FakePage();
    const random = vi.fn<() => number>().mockReturnValueOnce(1).mockReturnValue(0);
    const { client, clock, socket } = await startLiveClient({ random });
    const lost = waiting(client);
    socket.cut();
    await lost;
    page.show('hidden');
    clock.advance(499);

    expect(client.state).toBe('waiting');
  });

  it('tries at once where connect() is called', async () => {
    const { client, gateway, socket } = await startLiveClient();
    const lost = waiting(client);
    socket.cut();
    await lost;
    client.connect();

    await gateway.next();
  });
});

describe('a live client whose page or network changed', () => {
  it.each<Waker>([...WAKERS, ['the network is gone', (page) => page.tell('offline')]])(
    'asks whether the gateway is still there when %s, and stays where it is',
    async (_, wake) => {
      const page = new FakePage();
      const { client, clock, socket } = await startLiveClient({}, HEARTBEAT);
      wake(page);
      const { id } = await socket.nextFrame('unsubscribe');
      clock.advance(4_999);
      socket.send('unsubscribed', { channels: [], positions: {} }, id);
      await socket.seen();
      clock.advance(5_000);

      expect(client.state).toBe('live');
    },
  );

  it('comes back where no answer comes in the time for a pong', async () => {
    const page = new FakePage();
    const { client, clock, gateway, socket } = await startLiveClient({}, HEARTBEAT);
    page.tell('online');
    await socket.nextFrame('unsubscribe');
    clock.advance(4_999);
    expect(client.state).toBe('live');
    const lost = waiting(client);
    clock.advance(1);
    clock.advance(await lost);

    await gateway.next();
  });

  it('asks once, however much is told', async () => {
    const page = new FakePage();
    const { client, socket } = await startLiveClient();
    page.tell('online');
    page.show('visible');
    page.tell('pageshow');
    client.connect();

    expect(await socket.nextFrame('unsubscribe')).toMatchObject({ data: { channels: [] } });
    expect(await socket.seen()).toEqual([]);
  });

  it('is asked about by the application as well', async () => {
    const { client, clock, socket } = await startLiveClient({}, HEARTBEAT);
    client.connect();
    await socket.nextFrame('unsubscribe');
    const lost = waiting(client);
    clock.advance(5_000);

    expect(await lost).toBeGreaterThan(0);
  });
});

describe('a page whose timers are held back', () => {
  it('stays connected while it is hidden and its timers run once a minute', async () => {
    const { client, clock, socket } = await startLiveClient({}, HEARTBEAT);
    const states = vi.fn();
    client.onState(states);
    for (let second = 20; second <= 1_200; second += 20) {
      clock.freeze(20_000);
      socket.send('ping', { positions: {} });
      await socket.next('pong');
      if (second % 60 === 0) clock.advance(0);
    }

    expect(states).not.toHaveBeenCalled();
  });

  it('asks first when it was frozen for long, since what was sent to it may lie right behind', async () => {
    const { client, clock, socket } = await startLiveClient({}, HEARTBEAT);
    const states = vi.fn();
    client.onState(states);
    clock.freeze(600_000);
    clock.advance(0);
    await socket.nextFrame('unsubscribe');
    socket.send('ping', { positions: {} });
    await socket.next('pong');
    clock.advance(24_999);

    expect(states).not.toHaveBeenCalled();
  });

  it('gives the connection up where nothing lay behind, though the timer for that is late as well', async () => {
    const { client, clock, socket } = await startLiveClient({}, HEARTBEAT);
    clock.freeze(60_000);
    clock.advance(0);
    await socket.nextFrame('unsubscribe');
    const lost = waiting(client);
    clock.freeze(60_000);
    clock.advance(0);

    expect(await lost).toBeGreaterThan(0);
  });
});

describe('what a client listens to', () => {
  it('is let go of when it is closed, and taken up when it connects again', async () => {
    const page = new FakePage();
    const { client, gateway, socket } = await startLiveClient();
    const listened = page.listeners;
    client.close();
    expect(page.listeners).toBe(0);
    client.connect();
    await gateway.next();
    expect(page.listeners).toBe(listened);
    expect(listened).toBeGreaterThan(0);
    client.close();

    expect(page.listeners).toBe(0);
    await socket.closed;
  });
});
