import { describe, expect, it, vi } from 'vitest';
import { CloseCode } from '../lib/protocol/close-codes.js';
import { failureOf, ScriptedGateway, startClient, startLiveClient, waiting } from './support/scripted.gateway.js';

/** A token source that counts. */
function counting(): () => Promise<string> {
  let count = 0;
  return () => Promise.resolve(`token-${++count}`);
}

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
