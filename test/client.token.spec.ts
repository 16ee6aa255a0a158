import { describe, expect, it, vi } from 'vitest';
import type { UntypedContract } from '../lib/client/client.contract.js';
import type { ExpiringToken } from '../lib/client/token.source.js';
import { CloseCode } from '../lib/protocol/close-codes.js';
import { failureOf, ScriptedGateway, startClient, startLiveClient, waiting } from './support/scripted.gateway.js';

/** A token source that counts. */
function counting(): () => Promise<string> {
  let count = 0;
  return () => Promise.resolve(`token-${++count}`);
}

/** The same, with tokens that live so many milliseconds. */
function expiring(lifetime: number): () => Promise<ExpiringToken> {
  const next = counting();
  return async () => ({ token: await next(), expires: new Date(Date.now() + lifetime) });
}

/** Pings are not what these tests are about. */
const QUIET = { heartbeat: { interval: 3_600_000, timeout: 1_000 } };

type Live = Awaited<ReturnType<typeof startLiveClient<UntypedContract>>>;

describe('a token that is asked for', () => {
  it('is fresh for every connection', async () => {
    const { client, clock, gateway, socket } = await startLiveClient({ token: counting() });
    const lost = waiting(client);
    socket.close(CloseCode.tokenExpired, 'expired');
    clock.advance(await lost);

    expect(socket.hello.token).toBe('token-1');
    expect((await gateway.next()).hello.token).toBe('token-2');
  });

  it('that cannot be had is reported, and asked for again', async () => {
    const gateway = await ScriptedGateway.start();
    const token = vi.fn<() => string>().mockImplementationOnce(() => {
      throw new Error('signed out');
    });
    token.mockReturnValue('a-token');
    const { client, clock, errors } = startClient(gateway, { token });
    clock.advance(await waiting(client));

    expect((await gateway.next()).hello.token).toBe('a-token');
    expect(errors).toMatchObject([{ code: 'connection_failed', temporary: true, cause: new Error('signed out') }]);
  });
});

describe('a token whose end is known', () => {
  it('is renewed on the open connection before it ends, again and again', async () => {
    const { client, clock, socket } = await startLiveClient({ token: expiring(100_000) }, QUIET);
    const states = vi.fn();
    client.onState(states);
    clock.advance(89_000);
    expect(await socket.seen()).toEqual([]);
    clock.advance(1_100); // nine tenths: the latest, with these random numbers
    const first = await socket.nextFrame('refresh');
    socket.send('refreshed', {}, first.id);
    await socket.seen();
    clock.advance(91_000);
    const second = await socket.nextFrame('refresh');

    expect([first.data, second.data]).toEqual([{ token: 'token-2' }, { token: 'token-3' }]);
    expect(states).not.toHaveBeenCalled();
  });

  it('is renewed by what the gateway says of its end', async () => {
    const { client, clock, socket } = await startLiveClient({ token: counting() });
    const refreshed = client.refresh();
    const { id } = await socket.nextFrame('refresh');
    socket.send('refreshed', { expires: new Date(Date.now() + 20_000).toISOString() }, id);
    await refreshed;
    clock.advance(18_100);

    expect(await socket.next('refresh')).toEqual({ token: 'token-3' });
  });

  it('is asked for at other moments by every client', async () => {
    const { clock, socket } = await startLiveClient({ token: expiring(100_000), random: () => 0 }, QUIET);
    clock.advance(75_100);

    expect(await socket.next('refresh')).toEqual({ token: 'token-2' });
  });

  it('is asked for again, a little later, where it could not be had', async () => {
    const token = vi.fn(expiring(100_000));
    const { clock, socket, errors } = await startLiveClient({ token }, QUIET);
    token.mockRejectedValueOnce(new Error('the identity server is away'));
    clock.advance(90_100);
    await vi.waitFor(() => expect(errors).toMatchObject([{ code: 'token_refresh_failed', temporary: true }]));
    clock.advance(10_000);

    expect(await socket.next('refresh')).toEqual({ token: 'token-2' });
  });

  it('is renewed on the next connection as well, and on the last one no more', async () => {
    const { client, clock, gateway, socket } = await startLiveClient({ token: expiring(100_000) }, QUIET);
    const lost = waiting(client);
    socket.cut();
    clock.advance(await lost);
    const next = await gateway.next();
    next.welcome({ positions: {}, ...QUIET });
    next.send('recovered', { topic: 'auction', complete: true, count: 0 });
    await next.seen();
    clock.advance(90_100);
    expect(await next.next('refresh')).toEqual({ token: 'token-3' });
    client.close();

    expect(clock.pending).toBe(0);
  });

  it.each([
    ['has ended by our clock, which may be wrong', expiring(-3_600_000)],
    ['lives too short for that', expiring(5_000)],
    ['has no end that anybody told of', counting()],
  ])('is left to the gateway where it %s', async (_, token) => {
    const { clock, socket } = await startLiveClient({ token });
    for (let time = 0; time < 120_000; time += 5_000) {
      clock.advance(5_000); // less than a refresh may take: it would be given up in the same step
      expect(await socket.seen()).toEqual([]);
    }
  });

  it('is not renewed by a client that was closed', async () => {
    const { client, clock } = await startLiveClient({ token: expiring(100_000) }, QUIET);
    client.close();

    expect(clock.pending).toBe(0);
  });
});

describe('a token that is a text', () => {
  it('is not shown again by itself: there is no fresh one', async () => {
    const { client, clock, socket } = await startLiveClient({ token: 'old' });
    const refreshed = client.refresh('new');
    const { id } = await socket.nextFrame('refresh');
    socket.send('refreshed', { expires: new Date(Date.now() + 20_000).toISOString() }, id);
    await refreshed;
    clock.advance(20_000);

    expect(await socket.seen()).toEqual([]);
  });
});

describe('refresh()', () => {
  it('shows a fresh token, and resolves with when it ends', async () => {
    const { client, socket } = await startLiveClient({ token: counting() });
    const refreshed = client.refresh();
    const { data, id } = await socket.nextFrame('refresh');
    socket.send('refreshed', { expires: '2026-08-01T12:00:00.000Z' }, id);

    expect(data).toEqual({ token: 'token-2' });
    expect(await refreshed).toEqual(new Date('2026-08-01T12:00:00.000Z'));
  });

  it('takes a token, and shows it from then on', async () => {
    const { client, clock, gateway, socket } = await startLiveClient({ token: 'old' });
    const refreshed = client.refresh('new');
    const { data, id } = await socket.nextFrame('refresh');
    socket.send('refreshed', {}, id);
    await refreshed;
    const lost = waiting(client);
    socket.cut();
    clock.advance(await lost);

    expect(data).toEqual({ token: 'new' });
    expect((await gateway.next()).hello.token).toBe('new');
  });

  it('rejects where the gateway does not take it, without the token in the message', async () => {
    const { client, socket, errors } = await startLiveClient();
    const failure = failureOf(client.refresh('secret-token'));
    const { id } = await socket.nextFrame('refresh');
    socket.send('error', { code: 'forbidden', message: 'another user', temporary: false }, id);

    expect(await failure).toMatchObject({ code: 'token_refresh_failed' });
    expect(((await failure) as Error).message).not.toContain('secret-token');
    expect(errors).toEqual([]);
  });

  it('takes a token for this connection, where a function is asked for the next', async () => {
    const { client, clock, gateway, socket } = await startLiveClient({ token: counting() });
    const refreshed = client.refresh('at hand');
    const { data, id } = await socket.nextFrame('refresh');
    socket.send('refreshed', {}, id);
    await refreshed;
    const lost = waiting(client);
    socket.cut();
    clock.advance(await lost);

    expect(data).toEqual({ token: 'at hand' });
    expect((await gateway.next()).hello.token).toBe('token-2');
  });

  it('rejects where no token can be had', async () => {
    const token = vi.fn<() => string>().mockReturnValueOnce('a-token');
    const { client } = await startLiveClient({ token });
    token.mockImplementation(() => {
      throw new Error('signed out');
    });

    expect(await failureOf(client.refresh())).toMatchObject({
      code: 'token_refresh_failed',
      cause: new Error('signed out'),
    });
  });

  it.each([
    ['the time for it is over', 'token_refresh_failed', ({ clock }: Live) => clock.advance(3_000)],
    ['the client is closed', 'client_closed', ({ client }: Live) => client.close()],
  ])('rejects where the token does not come before %s', async (_, code, end) => {
    const token = vi.fn<() => Promise<string>>().mockResolvedValueOnce('a-token');
    const live = await startLiveClient({ token, connectTimeout: 3_000 });
    let come!: (token: string) => void;
    token.mockReturnValue(new Promise((resolve) => (come = resolve)));
    const failure = failureOf(live.client.refresh());
    end(live);
    expect(await failure).toMatchObject({ code });
    come('too late');

    expect(await live.socket.seen().catch(() => [])).toEqual([]);
  });

  it('rejects where the gateway does not answer', async () => {
    const { client, clock, socket } = await startLiveClient({ connectTimeout: 3_000 });
    const failure = failureOf(client.refresh('a-token'));
    await socket.nextFrame('refresh');
    clock.advance(3_000);

    expect(await failure).toMatchObject({ code: 'token_refresh_failed', temporary: true });
  });

  it('is done with the next hello where the connection is lost', async () => {
    const { client, clock, gateway, socket } = await startLiveClient();
    const refreshed = client.refresh('new');
    await socket.nextFrame('refresh');
    const lost = waiting(client);
    socket.cut();
    clock.advance(await lost);

    expect(await refreshed).toBeUndefined();
    expect((await gateway.next()).hello.token).toBe('new');
  });

  it('rejects where the gateway closes for good, as it does for the token of another user', async () => {
    const { client, socket } = await startLiveClient();
    const failure = failureOf(client.refresh('a-token'));
    await socket.nextFrame('refresh');
    socket.close(CloseCode.forbidden, 'another user');

    expect(await failure).toMatchObject({ code: 'client_closed' });
  });

  it('does nothing where there is no token', async () => {
    const { client, socket } = await startLiveClient();

    expect(await client.refresh()).toBeUndefined();
    expect(await socket.seen()).toEqual([]);
  });
});
