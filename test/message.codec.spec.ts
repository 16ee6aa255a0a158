import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../lib/message/cloud-events.codec.js';
import { MalformedMessageError } from '../lib/message/message.errors.js';
import { messageId } from '../lib/message/message.id.js';
import { isTerminal } from '../lib/message/outcome.rule.js';
import type { Payload, PlatformMessage } from '../lib/message/platform-message.js';
import { anyMessage, command } from './support/arbitrary.messages.js';

describe('a message that was written', () => {
  it('reads as it was', () => {
    fc.assert(
      fc.property(anyMessage, (written) => {
        expect(decodeMessage(encodeMessage(written))).toEqual(asJson(written));
      }),
    );
  });

  it('reads the same from the bytes that Kafka carries', () => {
    fc.assert(
      fc.property(anyMessage, (written) => {
        const { headers, value } = encodeMessage(written);
        const bytes = Object.fromEntries(Object.entries(headers).map(([key, header]) => [key, Buffer.from(header)]));
        expect(decodeMessage({ headers: bytes, value: Buffer.from(value) })).toEqual(asJson(written));
      }),
    );
  });

  it('is terminal where its result is final, and nowhere else', () => {
    fc.assert(
      fc.property(anyMessage, (written) => {
        const { headers } = encodeMessage(written);
        expect(isTerminal(headers)).toBe(written.payload.kind === 'result' && written.breadCrumbs.final === true);
      }),
    );
  });

  it('carries null where there is nothing to say, for a record without a value is a tombstone', () => {
    const { headers, value } = encodeMessage(command(undefined));

    expect(value).toBe('null');
    expect(decodeMessage({ headers, value }).payload.data).toBeNull();
  });
});

describe('a message that cannot be written', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;

  it.each([
    ['a cycle', cycle],
    ['a BigInt', { amount: 1n }],
    [
      'a toJSON that throws',
      {
        toJSON: () => {
          throw new Error('no');
        },
      },
    ],
  ])('says so: %s', (_, data) => {
    const error = { code: 'payload_unserializable', message: expect.stringContaining('command "PlaceBid"') as string };
    expect(() => encodeMessage(command(data))).toThrow(expect.objectContaining(error));
  });

  it.each(['Place.Bid', 'Place Bid', '', 'Gebot-für', 'x'.repeat(512)])('says so: a command called "%s"', (name) => {
    const message = command({});
    expect(() => encodeMessage({ ...message, payload: { ...message.payload, name } })).toThrow(MalformedMessageError);
  });
});

describe('the id of a message', () => {
  it('is a UUID of version 7 that sorts by time', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 48 - 2), fc.nat(2 ** 48 - 2), (a, b) => {
        const [first, second] = [messageId(a), messageId(b)];
        expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(parseInt(first.replaceAll('-', '').slice(0, 12), 16)).toBe(a);
        if (a !== b) expect(first < second).toBe(a < b);
      }),
    );
  });

  it('is another one each time, within the same millisecond too', () => {
    const ids = new Set(Array.from({ length: 10_000 }, () => messageId(1)));
    expect(ids.size).toBe(10_000);
  });
});

/** What JSON makes of a message's data; its one key that is never taken is gone. */
function asJson(message: PlatformMessage): PlatformMessage {
  const data: unknown = JSON.parse(JSON.stringify(message.payload.data), (key, value: unknown) =>
    key === '__proto__' ? undefined : value,
  );
  return { ...message, payload: { ...message.payload, data } as Payload };
}
