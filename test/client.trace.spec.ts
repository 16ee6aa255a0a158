import { describe, expect, it } from 'vitest';
import { InvalidClientOptionsError, KafkaSocketClient } from '../lib/client/index.js';
import { startLiveClient } from './support/scripted.gateway.js';

const ACTIVE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** The request that a client with these options sends. */
async function requestOf(options: Parameters<typeof startLiveClient>[0], send: object = {}) {
  const { client, socket } = await startLiveClient(options);
  client.send('auction', 'PlaceBid', {}, send).catch(() => undefined);
  return { request: await socket.next('request'), client };
}

describe('a command of a client', () => {
  it('has no trace where nobody asks for one', async () => {
    expect((await requestOf({})).request).not.toHaveProperty('traceparent');
  });

  it('has the trace that is active in the application when it is sent', async () => {
    expect((await requestOf({ trace: () => ACTIVE })).request).toMatchObject({ traceparent: ACTIVE });
  });

  it('has a new one each time where the client is to make them up', async () => {
    const { client, socket } = await startLiveClient({ trace: true });
    for (let i = 0; i < 2; i++) client.send('auction', 'PlaceBid', {}).catch(() => undefined);
    const [one, other] = [await socket.next('request'), await socket.next('request')];

    expect(one.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(other.traceparent).not.toBe(one.traceparent);
  });

  it('has its own before the client’s, and its baggage', async () => {
    const { request } = await requestOf({ trace: true }, { traceparent: ACTIVE, baggage: 'tenant=blue' });
    expect(request).toMatchObject({ traceparent: ACTIVE, baggage: 'tenant=blue' });
  });

  it.each(['', 'garbage', ACTIVE.toUpperCase(), `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`])(
    'goes out without a trace where the application names none: "%s"',
    async (garbage) => {
      expect((await requestOf({ trace: () => garbage })).request).not.toHaveProperty('traceparent');
    },
  );

  it('goes out all the same where the application’s function throws, which is told', async () => {
    const fault = new Error('no tracer');
    const { client, socket } = await startLiveClient({
      trace: () => {
        throw fault;
      },
    });
    const told: unknown[] = [];
    client.onError(({ cause }) => told.push(cause));
    client.send('auction', 'PlaceBid', {}).catch(() => undefined);

    expect(await socket.next('request')).not.toHaveProperty('traceparent');
    expect(told).toEqual([fault]);
  });
});

describe('a client whose trace is neither a function nor yes or no', () => {
  it('is not made', () => {
    expect(() => new KafkaSocketClient('ws://127.0.0.1:1', { trace: ACTIVE as never })).toThrow(
      InvalidClientOptionsError,
    );
  });
});
