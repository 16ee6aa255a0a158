import fc from 'fast-check';
import { propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { type TraceHeaders, traceHeadersIn } from '../lib/message/trace.headers.js';
import { contextOf, headersOf } from '../lib/tracing/trace.context.js';
import { headerSoup } from './support/arbitrary.messages.js';

describe('the trace that a record says it belongs to', () => {
  it('crashes nobody, whatever stands there, and comes out well-formed', () => {
    fc.assert(
      fc.property(headerSoup, (headers) => {
        const written = headersOf(contextOf(traceHeadersIn(headers)));
        expect(headersOf(contextOf(written))).toEqual(written);
      }),
    );
  });
});

describe('baggage of an application', () => {
  it('is bounded, and any text in it comes back', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string(), { maxKeys: 200 }), (values) => {
        const entries = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
        const within = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage(entries));
        const baggage = (headersOf(within) as TraceHeaders).baggage ?? '';
        const back = propagation.getBaggage(contextOf({ baggage }))?.getAllEntries() ?? [];
        expect(baggage.length).toBeLessThanOrEqual(8_192);
        expect(baggage.split(',').length).toBeLessThanOrEqual(64);
        expect(back.length).toBe(Math.min(64, Object.keys(values).length));
        for (const [name, { value }] of back) expect(value).toBe(values[name]);
      }),
    );
  });

  it.each([
    [20, 1_000, 8],
    [100, 1, 64],
  ])('is cut between entries: of %d of %d characters %d are carried on', (count, length, carried) => {
    const names = Array.from({ length: count }, (_, n) => `n${n}`);
    const entries = Object.fromEntries(names.map((name) => [name, { value: 'x'.repeat(length) }]));
    const within = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage(entries));
    const { baggage = '' } = headersOf(within) as TraceHeaders;
    const written = names.slice(0, carried).map((name) => `${name}=${'x'.repeat(length)}`);
    expect(baggage.split(',')).toEqual(written);
  });
});
