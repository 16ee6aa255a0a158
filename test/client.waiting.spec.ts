import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { failureOf, ScriptedGateway, startClient, startLiveClient, waiting } from './support/scripted.gateway.js';

describe('a command that nothing is heard of', () => {
  it('ends as unknown, never as timeout, some time after its time to live', async () => {
    const { client, clock, socket } = await startLiveClient(
      { slack: 2_000 },
      { heartbeat: { interval: 60_000, timeout: 1_000 } },
    );
    const ended = vi.fn();
    const failure = failureOf(client.send('auction', 'PlaceBid', {}, { ttl: 5_000 })).finally(ended);
    await socket.next('request');
    clock.advance(6_999);
    await socket.seen();
    expect(ended).not.toHaveBeenCalled();
    clock.advance(1);

    expect(await failure).toMatchObject({ status: 'unknown', code: 'no_outcome' });
  });

  it('has its outcome told to onLate when it comes after all', async () => {
    const { client, clock, socket } = await startLiveClient({ slack: 0 });
    const failure = failureOf(client.send('auction', 'PlaceBid', {}, { ttl: 5_000 }));
    const request = await socket.next('request');
    clock.advance(5_000);
    await failure;
    const late = new Promise((resolve) => void client.onLate(resolve));
    socket.result(request, ['auction', 0, '11'], { status: 'success', value: 1 });

    expect(await late).toMatchObject({ requestId: request.requestId, outcome: { status: 'success', value: 1 } });
  });
});

describe('a command whose wait is aborted', () => {
  it('rejects with the reason, and its outcome is late', async () => {
    const { client, socket } = await startLiveClient();
    const controller = new AbortController();
    const failure = failureOf(client.send('auction', 'PlaceBid', {}, { signal: controller.signal }));
    const request = await socket.next('request');
    const late = new Promise((resolve) => void client.onLate(resolve));
    controller.abort(new Error('the user left'));
    socket.result(request, ['auction', 0, '11'], { status: 'success' });

    expect(await failure).toEqual(new Error('the user left'));
    expect(await late).toMatchObject({ requestId: request.requestId });
  });

  it('rejects with an error of ours where the signal gives no reason, as React Native’s do not', async () => {
    const { client } = await startLiveClient();
    const signal = Object.assign(new EventTarget(), { aborted: false }) as AbortSignal;
    const failure = failureOf(client.send('auction', 'PlaceBid', {}, { signal }));
    signal.dispatchEvent(new Event('abort'));

    expect(await failure).toMatchObject({ code: 'wait_aborted' });
  });

  it('is not sent where the signal was aborted before', async () => {
    const { client, socket } = await startLiveClient();
    const failure = failureOf(client.send('auction', 'Aborted', {}, { signal: AbortSignal.abort(new Error('no')) }));
    client.send('auction', 'Next', {}).catch(() => undefined);

    expect(await failure).toEqual(new Error('no'));
    expect(await socket.next('request')).toMatchObject({ command: 'Next' });
  });
});

describe('commands without a connection', () => {
  it('wait for one, and are as old as they are when they go out', async () => {
    const gateway = await ScriptedGateway.start();
    const { client, clock } = startClient(gateway);
    const first = client.send('auction', 'First', {});
    const second = client.send('auction', 'Second', {});
    const socket = await gateway.next();
    clock.advance(3_000);
    socket.welcome();
    const requests = [await socket.next('request'), await socket.next('request')];
    for (const [i, request] of requests.entries())
      socket.result(request, ['auction', 0, `${i + 10}`], { status: 'success', value: i });

    expect(requests).toMatchObject([
      { command: 'First', ttl: 27_000 }, // what they waited is off the default of 30 s
      { command: 'Second', ttl: 27_000 },
    ]);
    for (const request of requests) expect(request).not.toHaveProperty('age'); // no gateway can have them
    expect(await Promise.all([first, second])).toEqual([0, 1]);
  });

  it('are refused above the limit of the queue', async () => {
    const gateway = await ScriptedGateway.start();
    const { client } = startClient(gateway, { offlineQueue: 2 });
    for (const command of ['First', 'Second']) client.send('auction', command, {}).catch(() => undefined);
    const failure = await failureOf(client.send('auction', 'Third', {}));
    const socket = await gateway.next();
    socket.welcome();

    expect(failure).toMatchObject({ status: 'unavailable', code: 'queue_full', temporary: true });
    expect((failure as Error).message).toContain('offlineQueue');
    expect(await socket.next('request')).toMatchObject({ command: 'First' });
    expect(await socket.next('request')).toMatchObject({ command: 'Second' });
    expect(await socket.seen()).toEqual([]); // and nothing after them
  });

  it('are refused at once where the queue is switched off', async () => {
    const gateway = await ScriptedGateway.start();
    const { client } = startClient(gateway, { offlineQueue: 0 });

    expect(await failureOf(client.send('auction', 'PlaceBid', {}))).toMatchObject({
      status: 'unavailable',
      code: 'queue_full',
    });
  });

  it('end as unavailable when their time to live is over before they could go out', async () => {
    const gateway = await ScriptedGateway.start();
    const { client, clock } = startClient(gateway, { connectTimeout: 60_000 });
    const failure = failureOf(client.send('auction', 'PlaceBid', {}, { ttl: 5_000 }));
    const socket = await gateway.next();
    clock.advance(5_000);
    socket.welcome();

    expect(await failure).toMatchObject({ status: 'unavailable', code: 'never_sent' });
    expect(await socket.seen()).toEqual([]); // and nothing went out
  });

  it('end as unavailable at the end of their time to live, not later, where no connection comes', async () => {
    const gateway = await ScriptedGateway.start();
    const { client, clock } = startClient(gateway, { connectTimeout: 60_000 });
    const failure = failureOf(client.send('auction', 'PlaceBid', {}, { ttl: 5_000 }));
    await gateway.next();

    clock.advance(5_000);

    expect(await failure).toMatchObject({ status: 'unavailable', code: 'never_sent' });
  });

  it('went out to nobody where their socket was closing already, and are certain to be not carried out', async () => {
    const sockets: WebSocket[] = [];
    class Watched extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols);
        sockets.push(this);
      }
    }
    const { client } = await startLiveClient({ WebSocket: Watched });
    sockets[0]!.close(); // as it is after the gateway's close frame: the event that tells of it comes later
    const failure = failureOf(client.send('auction', 'PlaceBid', {}));
    client.close();

    expect(await failure).toMatchObject({ status: 'unavailable', code: 'client_closed' });
  });

  it('are refused once the client is closed', async () => {
    const { client } = await startLiveClient();
    client.close();

    expect(await failureOf(client.send('auction', 'PlaceBid', {}))).toMatchObject({
      status: 'unavailable',
      code: 'client_closed',
    });
  });
});

describe('commands while what was missed still comes in', () => {
  it('go out at once, where none went out before', async () => {
    const { client, clock, gateway, socket } = await startLiveClient();
    const lost = waiting(client);
    socket.cut();
    const pause = await lost;
    client.send('auction', 'Offline', {}).catch(() => undefined);
    clock.advance(pause);
    const next = await gateway.next();
    next.welcome({ positions: next.hello.positions! });
    expect(await next.next('request')).toMatchObject({ command: 'Offline', ttl: 30_000 - pause });
    client.send('auction', 'Recovering', {}).catch(() => undefined);

    expect(await next.next('request')).toMatchObject({ command: 'Recovering' });
    expect(client.state).toBe('recovering');
  });

  it('wait behind one that went out before, so that they stay in order', async () => {
    const { client, clock, gateway, socket } = await startLiveClient();
    client.send('auction', 'First', {}).catch(() => undefined);
    await socket.next('request');
    const lost = waiting(client);
    socket.cut();
    const pause = await lost;
    client.send('auction', 'Second', {}).catch(() => undefined);
    clock.advance(pause);
    const next = await gateway.next();
    next.welcome({ positions: next.hello.positions! });
    expect(await next.seen()).toEqual([]); // nothing, before it is recovered
    next.send('recovered', { topic: 'auction', complete: true, count: 0 });

    expect(await next.next('request')).toMatchObject({ command: 'First' });
    expect(await next.next('request')).toMatchObject({ command: 'Second' });
  });
});

describe('a command that was refused for the rate twice over', () => {
  it('counts as sent once it went out again', async () => {
    const { client, clock, socket } = await startLiveClient();
    const failure = failureOf(client.send('auction', 'PlaceBid', {}));
    const { requestId } = await socket.next('request');
    for (let i = 0; i < 2; i++) {
      socket.send('error', { requestId, code: 'rate', message: 'slow down', temporary: true });
    }
    await socket.seen();
    clock.advance(1_000);
    await socket.next('request');
    client.close();

    expect(await failure).toMatchObject({ status: 'unknown' });
  });
});

describe('a gateway that takes less than a frame a second', () => {
  it('gets them one by one', async () => {
    const { client, clock, socket } = await startLiveClient({}, { limits: { payload: 65_536, rate: 0.5 } });
    for (const command of ['First', 'Second']) client.send('auction', command, {}).catch(() => undefined);
    expect(await socket.next('request')).toMatchObject({ command: 'First' });
    clock.advance(2_300);

    expect(await socket.next('request')).toMatchObject({ command: 'Second' });
  });
});

describe('more commands at once than the gateway takes', () => {
  it('go out at its pace, in order', async () => {
    const { client, clock, socket } = await startLiveClient({}, { limits: { payload: 65_536, rate: 10 } });
    for (let i = 0; i < 25; i++) client.send('auction', `C${i}`, {}).catch(() => undefined);
    for (let i = 0; i < 10; i++) expect(await socket.next('request')).toMatchObject({ command: `C${i}` });
    expect(await socket.seen()).toEqual([]); // no eleventh
    clock.advance(1_050); // nine tenths of the rate: the rest is for pongs and subscriptions
    for (let i = 10; i < 19; i++) expect(await socket.next('request')).toMatchObject({ command: `C${i}` });
    expect(await socket.seen()).toEqual([]); // no twentieth
  });
});
