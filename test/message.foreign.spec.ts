import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { peekBreadCrumb } from '../lib/message/bread-crumbs.codec.js';
import { decodeEnvelope, decodeMessage, encodeMessage } from '../lib/message/cloud-events.codec.js';
import { isOutcome } from '../lib/protocol/outcome.js';
import { MalformedMessageError } from '../lib/message/message.errors.js';
import { messageTypeOf } from '../lib/message/message.type.js';
import { isTerminal } from '../lib/message/outcome.rule.js';
import type { RecordHeaders } from '../lib/message/record.js';
import { command, headerSoup, valueSoup } from './support/arbitrary.messages.js';

describe('a record by anyone', () => {
  it('is a message, or malformed, and never anything else', () => {
    const seen = { messages: 0, malformed: 0 };
    fc.assert(
      fc.property(headerSoup, valueSoup, (headers, value) => {
        try {
          expect(decodeMessage({ headers, value })).toHaveProperty('payload.kind');
          seen.messages++;
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessageError);
          seen.malformed++;
        }
      }),
      { numRuns: 5_000 },
    );
    expect(seen.messages).toBeGreaterThan(50); // else the soup proves nothing
    expect(seen.malformed).toBeGreaterThan(50);
  });

  it('is routed by its headers without a throw, whatever they are', () => {
    fc.assert(
      fc.property(headerSoup, fc.string({ unit: 'binary' }), (headers, soup) => {
        const type = messageTypeOf(headers);
        if (type) expect(['command', 'result', 'event']).toContain(type.kind);
        expect(typeof isTerminal(headers)).toBe('boolean');
        expect(['string', 'undefined']).toContain(typeof peekBreadCrumb(soup, 'final'));
        expect(isOutcome(headers['ce_type'])).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('counts by the first value of a header that is repeated', () => {
    const { headers, value } = encodeMessage(command({ lot: 7 }));
    const repeated = { ...headers, ce_id: [Buffer.from('first'), 'second'], ce_type: ['command.A', 'event.B.C'] };

    expect(decodeMessage({ headers: repeated, value })).toMatchObject({
      id: 'first',
      payload: { kind: 'command', name: 'A' },
    });
  });

  it.each([
    ['no type', { ce_type: undefined }, '{}', /"ce_type" names no/],
    ['an event without an event type', { ce_type: 'event.Bid' }, '{}', /"ce_type" names no/],
    ['a type as long as a book', { ce_type: `command.${'x'.repeat(512)}` }, '{}', /"ce_type" names no/],
    ['another version', { ce_specversion: '2.0' }, '{}', /"ce_specversion" is "2.0"/],
    ['no version', { ce_specversion: null }, '{}', /"ce_specversion" is missing/],
    ['no id', { ce_id: '' }, '{}', /"ce_id" is missing/],
    ['no source', { ce_source: null }, '{}', /"ce_source" is missing/],
    ['no value', {}, null, /no value/],
    ['no JSON', {}, '{"amount": sesame}', /not JSON/],
    ['JSON too deep to walk', {}, `{"__proto__":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, /not JSON/],
    ['a result without a status', { ce_type: 'result.A' }, '{}', /no status/],
    ['a result of unknown status', { ce_type: 'result.A' }, '{"status":"odd"}', /no status/],
    ['an invalid result that names no errors', { ce_type: 'result.A' }, '{"status":"invalid"}', /no status/],
  ])('with %s is malformed, and says what is wrong without the payload', (_, changes: RecordHeaders, value, reason) => {
    const { headers } = encodeMessage(command({}));
    const decode = () => decodeMessage({ headers: { ...headers, ...changes }, value });

    expect(decode).toThrow(
      expect.objectContaining({ code: 'message_malformed', message: expect.stringMatching(reason) as string }),
    );
    try {
      decode();
    } catch (error) {
      expect(`${String(error)} ${String((error as Error).cause)}`).not.toContain('sesame');
    }
  });

  it('can be read up to its headers where its value is broken', () => {
    const { headers } = encodeMessage(command({}));
    expect(decodeEnvelope(headers)).toMatchObject({ type: { kind: 'command', name: 'PlaceBid' }, source: '/gateway' });
  });

  it.each(['__proto__', '\\u005f_proto__', '__pr\\u006Fto__', '\\u005F\\u005Fproto\\u005F\\u005F'])(
    'changes no prototype by the key %s',
    (key) => {
      const { headers } = encodeMessage(command({}));
      const value = `{"lot":7,"${key}":{"admin":true},"deep":[{"${key}":{"admin":true}}]}`;

      const data = decodeMessage({ headers, value }).payload.data as { deep: [object] };

      expect(data).toEqual({ lot: 7, deep: [{}] });
      expect(Object.keys(data)).toEqual(['lot', 'deep']);
      expect(Object.assign({}, data)).not.toHaveProperty('admin');
      expect(Object.assign({}, data.deep[0])).not.toHaveProperty('admin');
    },
  );
});
