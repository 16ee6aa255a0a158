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

    // As if for the first time: what it waited is off its time to live.
    expect(second).toEqual({ ...first, ttl: expect.any(Number) as number });
    expect(second.ttl).toBeLessThan(first.ttl!);
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
