import { SpanStatusCode } from '@opentelemetry/api';
import { Logger } from '@nestjs/common';
import { MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { LogUnavailableError } from '../lib/log/log.errors.js';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient } from './support/raw.client.js';
import { Gate } from './support/service.js';
import { Spans } from './support/spans.js';

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

type Options = NonNullable<Parameters<typeof startApp>[0]['gateway']>;

/** A traced auction on a log of which the test can make what it wants, and a client of it. */
async function start(options: Partial<Options> = {}) {
  const house = auction();
  const spans = Spans.begin();
  const log = new MemoryMessageLog();
  const app = await startApp({ log, gateway: { topics: [house.topic], ...options } }, [house.Bidding]);
  const client = await RawClient.welcome(app.url);
  const answers = async () => {
    await spans.ended('request');
    await expect.poll(() => spans.open).toBe(0);
    return spans.named('request').map(({ attributes }) => attributes['kafka_socket.answer']);
  };
  return { ...house, ...app, spans, log, client, answers };
}

describe('the span of a request', () => {
  it('has no name that a stranger chose: only topics that are served here stand in it', async () => {
    const { client, spans, answers } = await start();
    client.request('free-bitcoin.example', 'Win', {}, { traceparent });

    expect(await answers()).toEqual(['forbidden']);
    expect(spans.named('request')[0]!.name).toBe('request');
  });

  it('ends where the request is another one under a known id', async () => {
    const { client, topic, answers } = await start();
    const requestId = client.request(topic, 'PlaceBid', { lot: 1, amount: 20 });
    await client.outcome(topic, requestId);
    client.request(topic, 'PlaceBid', { lot: 2, amount: 20 }, { requestId });
    await client.next('error');

    expect(await answers()).toEqual(['accepted', 'conflict']);
  });

  it.each([
    ['unavailable', false],
    ['pending', true],
  ])('ends as %s, a fault of ours, where Kafka is away', async (answer, sent) => {
    const { client, topic, log, spans, answers } = await start();
    log.publish = () => Promise.reject(new LogUnavailableError('away', sent));
    client.request(topic, 'PlaceBid', { lot: 1, amount: 20 });

    expect(await answers()).toEqual([answer]);
    expect(spans.named('request')[0]).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': answer },
    });
  });

  it('ends where the request is older than it may get', async () => {
    const { client, topic, answers } = await start();
    client.request(topic, 'PlaceBid', {}, { ttl: 100, age: 100 });
    expect(await answers()).toEqual(['unknown']);
  });

  it('ends where nobody says whether the client may', async () => {
    const authorize = (): Promise<boolean> => new Promise(() => undefined);
    const { client, topic, answers } = await start({ authorize, hookTimeout: 50 });
    client.request(topic, 'PlaceBid', {});
    expect(await answers()).toEqual(['forbidden']);
  });

  it('ends where the client is gone, or the gateway stops, before Kafka has answered', async () => {
    const { client, topic, log, answers, stop, spans } = await start();
    const gate = new Gate();
    const publish = log.publish.bind(log);
    log.publish = async (record) => {
      await gate.opened;
      return publish(record);
    };
    client.request(topic, 'PlaceBid', { lot: 1, amount: 20 });
    await expect.poll(() => spans.open).toBeGreaterThan(0);
    client.socket.terminate();
    const stopped = stop();
    gate.open();
    await stopped;

    expect(await answers()).toEqual(['accepted']);
  });
});

describe('what a gateway takes of a client’s word', () => {
  it.each([
    [{ baggage: ['a b'] }, '"gateway.trace.baggage" holds "a b"'],
    [{ baggage: 'tenant' as never }, '"gateway.trace.baggage"'],
    [{ follow: 'false' as never }, '"gateway.trace.follow" is neither true nor false'],
  ])('is checked at the start: %j', async (given, problem) => {
    await expect(startApp({ gateway: { topics: ['any'], trace: given } })).rejects.toThrow(problem);
  });

  it.each([
    ['a line', {}, 1],
    ['no line where it is not followed', { trace: { follow: false } }, 0],
    ['no line where clients are known', { authenticate: () => ({ claims: { sub: 'anna' } }) }, 0],
  ])('is worth %s in production', async (_case, options, lines) => {
    Spans.begin();
    vi.stubEnv('NODE_ENV', 'production');
    onTestFinished(() => void vi.unstubAllEnvs());
    const warned = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
    onTestFinished(() => warned.mockRestore());
    await startApp({ gateway: { topics: [auction().topic], ...options } });

    const told = warned.mock.calls.filter(([line]) => String(line).includes('gateway.trace.follow'));
    expect(told).toHaveLength(lines);
  });
});

describe('the span of a handling', () => {
  it('ends when its handler has hung for too long', async () => {
    const house = auction();
    const spans = Spans.begin();
    const app = await startApp({ gateway: { topics: [house.topic] }, handlers: { handlerTimeout: 50 } }, [
      house.Bidding,
    ]);
    const client = await RawClient.welcome(app.url);
    await client.outcome(house.topic, client.request(house.topic, 'Hold', {}));

    await expect.poll(() => spans.open).toBe(0);
    expect(spans.named('process')[0]).toMatchObject({ status: { code: SpanStatusCode.ERROR } });
  });

  it('ends with its method as interrupted, and not as failed, where its service has stopped meanwhile', async () => {
    const house = auction();
    const spans = Spans.begin();
    const app = await startApp({ gateway: { topics: [house.topic] }, handlers: { drainTimeout: 10 } }, [house.Bidding]);
    const client = await RawClient.welcome(app.url);
    client.request(house.topic, 'Hold', {});
    await expect.poll(() => house.held.length).toBe(1);
    await app.stop();
    house.held[0]!();

    await expect.poll(() => spans.open).toBe(0);
    expect(spans.named('process')[0]!.attributes['kafka_socket.outcome']).toBe('interrupted');
  });
});
