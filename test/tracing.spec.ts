import { setTimeout as pause } from 'node:timers/promises';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-node';
import { Injectable } from '@nestjs/common';
import { type Command, CommandAddress, CommandHandler, MemoryMessageLog } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { startApp } from './support/app.js';
import { auction } from './support/auction.js';
import { RawClient } from './support/raw.client.js';
import { Spans } from './support/spans.js';
import { recordsOf, recordsOfRequest } from './support/records.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CLICK = '00f067aa0ba902b7';
const traceparent = `00-${TRACE}-${CLICK}-01`;

type Options = Parameters<typeof startApp>[0];

/** A traced auction, and a client of it. */
async function start(options: Options = {}, spans = Spans.begin()) {
  const house = auction();
  const log = new MemoryMessageLog();
  const gateway = { topics: [house.topic], broadcast: { 'Bid.*': 'data' as const }, ...options.gateway };
  const app = await startApp({ log, ...options, gateway }, [house.Bidding]);
  const client = await RawClient.welcome(app.url);
  const ask = async (command: string, payload: unknown, more: Record<string, unknown> = {}) => {
    const requestId = client.request(house.topic, command, payload, more);
    return { requestId, outcome: await client.outcome(house.topic, requestId) };
  };
  return { ...house, ...app, log, spans, client, ask };
}

describe('a request with a trace', () => {
  it('has one trace from the click to the outcome, each span under the one that caused it', async () => {
    const { ask, spans } = await start();
    const { requestId } = await ask('PlaceBid', { lot: 1, amount: 20 }, { traceparent });
    const [delivery] = await spans.ended('deliver');
    await spans.ended('request');

    expect(spans.pathTo(delivery!)).toEqual([
      'request',
      'send command.PlaceBid',
      'process command.PlaceBid',
      'send result.PlaceBid',
      'deliver',
    ]);
    const [request] = spans.named('request');
    expect(request!.parentSpanContext).toMatchObject({ spanId: CLICK, isRemote: true });
    expect(new Set(spans.all.map((span) => span.spanContext().traceId))).toEqual(new Set([TRACE]));
    const kinds = Object.fromEntries(spans.all.map(({ name, kind }) => [name.split(' ')[0], kind]));
    const { SERVER, PRODUCER, CONSUMER } = SpanKind;
    expect(kinds).toEqual({ request: SERVER, send: PRODUCER, process: CONSUMER, deliver: CONSUMER });
    for (const { attributes } of spans.all) {
      expect(attributes['messaging.message.conversation_id']).toBe(requestId);
    }
  });

  it('has what is published while it is handled under the handler, and not beside it', async () => {
    const { ask, spans } = await start();
    await ask('PlaceBid', { lot: 1, amount: 20 }, { traceparent });
    await spans.ended('send', 5);

    const paths = spans.named('send').map((span) => spans.pathTo(span).slice(2));
    for (const event of ['Reserve.Changed', 'Payment.Made', 'Bid.Created']) {
      expect(paths).toContainEqual(['process command.PlaceBid', `send event.${event}`]);
    }
  });

  it('goes on through commands of services', async () => {
    const { ask, spans } = await start();
    await ask('Settle', {}, { traceparent });
    const [delivery] = await spans.ended('deliver');

    expect(spans.pathTo(delivery!)).toEqual([
      'request',
      'send command.Settle',
      'process command.Settle',
      'send command.Charge',
      'process command.Charge',
      'send result.Settle',
      'deliver',
    ]);
  });

  it('ends with its time-out, where nobody handles it', async () => {
    const { ask, spans } = await start();
    const { outcome } = await ask('Nobody', {}, { traceparent, ttl: 50 });
    const [delivery] = await spans.ended('deliver');

    expect(outcome).toMatchObject({ status: 'timeout' });
    expect(spans.pathTo(delivery!)).toEqual(['request', 'send result.Nobody', 'deliver']);
    expect(delivery!.spanContext().traceId).toBe(TRACE);
  });

  it('says which kind of error a handler threw, and not what that said', async () => {
    const { ask, spans } = await start();
    await ask('Break', { password: 'hunter2' }, { traceparent });
    await ask('PlaceBid', { lot: 1, amount: 1 }, { traceparent });
    const [broken, rejected] = await spans.ended('process', 2);

    expect(broken).toMatchObject({ status: { code: SpanStatusCode.ERROR }, attributes: { 'error.type': 'Error' } });
    expect(rejected).toMatchObject({ status: { code: SpanStatusCode.UNSET } });
    expect(rejected!.attributes).toMatchObject({ 'kafka_socket.outcome': 'rejected' });
    const told = JSON.stringify(
      spans.all.map(({ name, attributes, status, events }) => [name, attributes, status, events]),
    );
    expect(told).not.toMatch(/hunter2|a detail that no client/);
  });

  it('hands on that it is not recorded, and records nothing', async () => {
    const { ask, spans, log, topic } = await start({}, Spans.begin({ sampler: new AlwaysOffSampler() }));
    await ask('PlaceBid', { lot: 1, amount: 20 }, { traceparent: `00-${TRACE}-${CLICK}-00` });

    expect(spans.all).toEqual([]);
    for (const { headers } of await recordsOf(log, topic)) {
      expect(String(headers['traceparent'])).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
    }
  });
});

describe('a request without a trace', () => {
  it('begins one of its own where an SDK is set up', async () => {
    const { ask, spans } = await start();
    await ask('PlaceBid', { lot: 1, amount: 20 });
    const [delivery] = await spans.ended('deliver');
    expect(spans.pathTo(delivery!)).toHaveLength(5);
  });

  it.each([
    ['all zeros', `00-${'0'.repeat(32)}-${CLICK}-01`],
    ['of a version that is none', `ff-${TRACE}-${CLICK}-01`],
  ])('is one whose trace is %s: it is dropped', async (_case, garbage) => {
    const { ask, spans } = await start();
    const { outcome } = await ask('PlaceBid', { lot: 1, amount: 20 }, { traceparent: garbage });
    await spans.ended('request');
    expect(outcome).toMatchObject({ status: 'success' });
    expect(spans.named('request')[0]!.parentSpanContext).toBeUndefined();
  });
});

describe('handlers side by side', () => {
  it('have each their own trace, and their own spans stand in it', async () => {
    const topic = `work-${crypto.randomUUID()}`;

    @CommandAddress(topic, 'Work')
    class Work {
      ms!: number;
    }

    @Injectable()
    class Worker {
      @CommandHandler(Work)
      async work({ data: { ms } }: Command<Work>): Promise<number> {
        await pause(ms);
        trace.getTracer('the application').startSpan(`own ${ms}`).end();
        return ms;
      }
    }

    const spans = Spans.begin();
    const app = await startApp({ gateway: { topics: [topic] } }, [Worker]);
    const client = await RawClient.welcome(app.url);
    const ids = Array.from({ length: 20 }, (_, ms) =>
      client.request(topic, 'Work', { ms }, { key: `key-${ms}`, traceparent: `00-${traceId(ms)}-${CLICK}-01` }),
    );
    await Promise.all(ids.map((id) => client.outcome(topic, id)));

    for (const span of spans.named('own')) {
      const ms = Number(span.name.split(' ')[1]);
      expect(span.spanContext().traceId).toBe(traceId(ms));
      expect(spans.pathTo(span)).toEqual(['request', 'send command.Work', 'process command.Work', 'own']);
    }
    expect(spans.named('own')).toHaveLength(20);
  });
});

describe('without an SDK', () => {
  it('nothing is added to a record, and a trace that came is handed on as it is', async () => {
    const house = auction();
    const log = new MemoryMessageLog();
    const app = await startApp({ log, gateway: { topics: [house.topic] } }, [house.Bidding]);
    const client = await RawClient.welcome(app.url);
    const ask = async (more: Record<string, unknown>) => {
      const requestId = client.request(house.topic, 'PlaceBid', { lot: 1, amount: 20 }, more);
      await client.outcome(house.topic, requestId);
      return recordsOfRequest(log, house.topic, requestId);
    };

    const untraced = await ask({});
    const traced = await ask({ traceparent });

    expect(untraced.length).toBeGreaterThan(1);
    for (const { headers } of untraced) {
      for (const name of ['traceparent', 'tracestate', 'baggage']) expect(headers).not.toHaveProperty(name);
    }
    expect(traced.length).toBeGreaterThan(1);
    for (const { headers } of traced) expect(String(headers['traceparent'])).toBe(traceparent);
  });
});

describe('a trace of a client that is not trusted', () => {
  it('is not gone on with, but linked', async () => {
    const { ask, spans } = await start({ gateway: { trace: { follow: false } } });
    await ask('PlaceBid', { lot: 1, amount: 20 }, { traceparent });
    await spans.ended('request');

    const [request] = spans.named('request');
    expect(request!.parentSpanContext).toBeUndefined();
    expect(request!.spanContext().traceId).not.toBe(TRACE);
    expect(request!.links.map(({ context: linked }) => linked.spanId)).toEqual([CLICK]);
  });
});

describe('baggage', () => {
  const topic = `carry-${crypto.randomUUID()}`;

  @CommandAddress(topic, 'Carry')
  class Carry {}

  @Injectable()
  class Carrier {
    @CommandHandler(Carry)
    carry(): unknown {
      return Object.fromEntries(propagation.getBaggage(context.active())?.getAllEntries() ?? []);
    }
  }

  async function carried(baggage: string, gateway: NonNullable<Options>['gateway'] = {}) {
    Spans.begin();
    const app = await startApp({ gateway: { topics: [topic], ...gateway } }, [Carrier]);
    const client = await RawClient.welcome(app.url);
    return client.outcome(topic, client.request(topic, 'Carry', {}, { traceparent, baggage }));
  }

  it('of a client does not come in', async () => {
    expect(await carried('tenant=blue,role=admin')).toEqual({ status: 'success', value: {} });
  });

  it('of a client comes in as far as it was named, as far as the handler', async () => {
    const outcome = await carried('tenant=bl%C3%BCe;secret,role=admin,x', { trace: { baggage: ['tenant'] } });
    expect(outcome).toEqual({ status: 'success', value: { tenant: { value: 'blüe' } } });
  });

  it('of a client that is too long is a bad frame', async () => {
    const { client, topic: auctions } = await start();
    client.request(auctions, 'PlaceBid', {}, { baggage: `a=${'x'.repeat(1_024)}` });
    expect((await client.next('error')).data).toMatchObject({ code: 'bad_frame' });
  });
});

function traceId(index: number): string {
  return (index + 1).toString(16).padStart(32, '0');
}
