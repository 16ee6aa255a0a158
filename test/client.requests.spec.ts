import { describe, expect, it, vi } from 'vitest';
import { CommandFailedError } from '../lib/client/client.errors.js';
import type { Accepted } from '../lib/client/pending.request.js';
import { failureOf, reached, ScriptedGateway, startClient, startLiveClient } from './support/scripted.gateway.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('a command', () => {
  it('goes out as the protocol says, and resolves with what its handler returned', async () => {
    const { client, socket } = await startLiveClient();
    const bid = client.send(
      'auction',
      'PlaceBid',
      { lot: 7, name: 'Größe' },
      { ttl: 5_000, key: 'lot-7', traceparent: '00-aa-bb-01' },
    );

    const request = await socket.next('request');
    expect(request).toEqual({
      requestId: expect.stringMatching(UUID) as string,
      topic: 'auction',
      command: 'PlaceBid',
      payload: { lot: 7, name: 'Größe' },
      ttl: 5_000,
      key: 'lot-7',
      traceparent: '00-aa-bb-01',
    });
    socket.accept(request);
    socket.result(request, ['auction', 0, '11'], { status: 'success', value: { leading: true, name: 'Größe £' } });
    expect(await bid).toEqual({ leading: true, name: 'Größe £' });
  });

  it('has the client’s time to live where it names none', async () => {
    const { client, socket } = await startLiveClient({ ttl: 7_000 });
    client.send('auction', 'PlaceBid', {}).catch(() => undefined);

    expect(await socket.next('request')).toMatchObject({ ttl: 7_000 });
  });

  it('resolves with nothing where its handler returned nothing, and takes no payload as null', async () => {
    const { client, socket } = await startLiveClient();
    const done = client.send('auction', 'Close', undefined);
    const request = await socket.next('request');
    socket.result(request, ['auction', 0, '11'], { status: 'success' });

    expect(request.payload).toBeNull();
    expect(await done).toBeUndefined();
  });

  it('tells once that Kafka has it', async () => {
    const { client, socket } = await startLiveClient();
    const told: Accepted[] = [];
    const done = client.send('auction', 'PlaceBid', {}, { onAccepted: (accepted) => told.push(accepted) });
    const request = await socket.next('request');
    socket.accept(request, ['auction', 2, '9007199254740993']);
    socket.accept(request, ['auction', 2, '9007199254740993']);
    socket.result(request, ['auction', 2, '9007199254740994'], { status: 'success' });
    await done;

    expect(told).toEqual([{ requestId: request.requestId, at: ['auction', 2, '9007199254740993'] }]);
  });

  it.each([
    { status: 'invalid', errors: [{ path: 'amount', constraints: ['amount must be positive'] }] },
    { status: 'rejected', code: 'BID_TOO_LOW', message: '120 is not above 130' },
    { status: 'failed', message: 'the service broke' },
    { status: 'timeout' },
  ] as const)('rejects with the outcome: $status', async (outcome) => {
    const { client, socket } = await startLiveClient();
    const failure = failureOf(client.send('auction', 'PlaceBid', {}));
    const request = await socket.next('request');
    socket.result(request, ['auction', 0, '11'], outcome);

    const error = await failure;
    expect(error).toBeInstanceOf(CommandFailedError);
    expect(error).toMatchObject({
      status: outcome.status,
      code: 'code' in outcome ? outcome.code : outcome.status,
      errors: 'errors' in outcome ? outcome.errors : [],
      requestId: request.requestId,
      topic: 'auction',
      command: 'PlaceBid',
    });
    if ('message' in outcome) expect((error as Error).message).toContain(outcome.message);
  });

  it('settles with the first outcome, and gives later ones to onLate', async () => {
    const { client, socket } = await startLiveClient();
    const late = vi.fn();
    client.onLate(late);
    const failure = failureOf(client.send('auction', 'PlaceBid', {}));
    const request = await socket.next('request');
    socket.result(request, ['auction', 0, '11'], { status: 'timeout' });
    socket.result(request, ['auction', 0, '12'], { status: 'success', value: 'too late' });

    expect(await failure).toMatchObject({ status: 'timeout' });
    await vi.waitFor(() => expect(late).toHaveBeenCalled());
    expect(late.mock.calls).toEqual([
      [{ requestId: request.requestId, at: ['auction', 0, '12'], outcome: { status: 'success', value: 'too late' } }],
    ]);
  });

  it('goes out as it was when it was asked for', async () => {
    const gateway = await ScriptedGateway.start();
    const { client } = startClient(gateway);
    const payload = { lot: 7 };
    client.send('auction', 'PlaceBid', payload).catch(() => undefined);
    payload.lot = 8; // while it still waits for a connection
    const socket = await gateway.next();
    socket.welcome();

    expect(await socket.next('request')).toMatchObject({ payload: { lot: 7 } });
  });

  it('is refused at once where JSON cannot carry its payload', async () => {
    const { client } = await startLiveClient();
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;

    expect(await failureOf(client.send('auction', 'PlaceBid', cycle))).toMatchObject({
      code: 'request_unserializable',
    });
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('is refused at once with the time to live %d', async (ttl) => {
    const { client } = await startLiveClient();

    expect(await failureOf(client.send('auction', 'PlaceBid', {}, { ttl }))).toMatchObject({
      code: 'client_options_invalid',
    });
  });

  it('is refused before it is sent where it is larger than the gateway takes', async () => {
    const { client, socket } = await startLiveClient({}, { limits: { payload: 1_000, rate: 50 } });
    const failure = await failureOf(client.send('auction', 'Large', { text: '€'.repeat(300) }));
    client.send('auction', 'Small', {}).catch(() => undefined);

    expect(failure).toMatchObject({ status: 'too_large', temporary: false });
    expect(await socket.next('request')).toMatchObject({ command: 'Small' });
  });

  it('that closes the socket as too big fails, and nothing else does', async () => {
    const { client, clock, gateway, socket } = await startLiveClient();
    const small = client.send('auction', 'Small', {});
    const large = failureOf(client.send('auction', 'Large', { text: 'x'.repeat(10_000) }));
    await socket.next('request');
    await socket.next('request');
    socket.close(1009, 'too big');

    expect(await large).toMatchObject({ status: 'too_large', code: 'too_large' });
    await reached(client, 'waiting');
    clock.advance(500);
    const next = await gateway.next();
    next.welcome();
    next.send('recovered', { topic: 'auction', complete: true, count: 0 });
    const again = await next.next('request');
    expect(again).toMatchObject({ command: 'Small' });
    next.result(again, ['auction', 0, '11'], { status: 'success', value: 1 });
    expect(await small).toBe(1);
  });
});

describe('an error frame about a command', () => {
  it.each(['bad_frame', 'too_large', 'forbidden', 'unsupported', 'conflict', 'unavailable', 'unknown'] as const)(
    'ends it: %s',
    async (code) => {
      const { client, socket } = await startLiveClient();
      const failure = failureOf(client.send('auction', 'PlaceBid', {}));
      const { requestId } = await socket.next('request');
      socket.send('error', { requestId, code, message: 'so it is', temporary: code === 'unavailable' });

      expect(await failure).toMatchObject({ status: code, code, requestId, temporary: code === 'unavailable' });
    },
  );

  it('ends it as unknown where the gateway failed half-way', async () => {
    const { client, socket } = await startLiveClient();
    const failure = failureOf(client.send('auction', 'PlaceBid', {}));
    const { requestId } = await socket.next('request');
    socket.send('error', { requestId, code: 'internal', message: 'oops', temporary: true });

    expect(await failure).toMatchObject({ status: 'unknown', code: 'internal' });
  });

  it('does not end it while it is pending', async () => {
    const { client, socket, errors } = await startLiveClient();
    const done = client.send('auction', 'PlaceBid', {});
    const request = await socket.next('request');
    socket.send('error', { requestId: request.requestId, code: 'pending', message: 'not confirmed', temporary: true });
    socket.result(request, ['auction', 0, '11'], { status: 'success', value: 'done' });

    expect(await done).toBe('done');
    expect(errors).toEqual([]);
  });

  it('sends it once more, a little later, where it came too fast', async () => {
    const { client, clock, socket } = await startLiveClient();
    const done = client.send('auction', 'PlaceBid', { lot: 7 });
    const first = await socket.next('request');
    socket.send('error', { requestId: first.requestId, code: 'rate', message: 'slow down', temporary: true });
    await socket.seen();
    clock.advance(1_000);
    const second = await socket.next('request');
    socket.result(second, ['auction', 0, '11'], { status: 'success', value: 'done' });

    expect(second).toEqual({ ...first, age: expect.any(Number) as number });
    expect(await done).toBe('done');
  });

  it('about none that is waited for goes to onError', async () => {
    const { socket, errors } = await startLiveClient();
    socket.send('error', { requestId: 'somebody', code: 'unknown', message: 'no such request', temporary: false });
    socket.send('error', { code: 'forbidden', message: 'no such channel', temporary: false });
    await socket.seen();

    expect(errors).toMatchObject([{ code: 'unknown', requestId: 'somebody' }, { code: 'forbidden' }]);
  });
});

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
      { command: 'First', age: 3_000 },
      { command: 'Second', age: 3_000 },
    ]);
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
    await socket.seen(); // and nothing after them
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
    await socket.seen(); // and nothing went out
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

describe('more commands at once than the gateway takes', () => {
  it('go out at its pace, in order', async () => {
    const { client, clock, socket } = await startLiveClient({}, { limits: { payload: 65_536, rate: 10 } });
    for (let i = 0; i < 25; i++) client.send('auction', `C${i}`, {}).catch(() => undefined);
    for (let i = 0; i < 10; i++) expect(await socket.next('request')).toMatchObject({ command: `C${i}` });
    await socket.seen(); // no eleventh
    clock.advance(1_050); // nine tenths of the rate: the rest is for pongs and subscriptions
    for (let i = 10; i < 19; i++) expect(await socket.next('request')).toMatchObject({ command: `C${i}` });
    await socket.seen(); // no twentieth
  });
});
