import fc from 'fast-check';
import { encodeBreadCrumbs } from '../../lib/message/bread-crumbs.codec.js';
import type { BreadCrumbs } from '../../lib/message/bread-crumbs.js';
import { messageId } from '../../lib/message/message.id.js';
import type { Payload, PlatformMessage } from '../../lib/message/platform-message.js';
import type { RecordHeaders } from '../../lib/message/record.js';

/** Any Unicode that UTF-8 can carry, separators of ours among it. */
export const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(';', '=', '%', '/', ' ', 'é', '🕰') }),
);
export const anyName = fc.stringMatching(/^[A-Za-z0-9_-]{1,24}$/);
const number = fc.maxSafeNat();
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const OURS = [
  'request',
  'session',
  'publickey',
  'correlation',
  'causation',
  'deadline',
  'timeout',
  'reply',
  'attempt',
  'user',
  'final',
];
const unknownName = fc
  .oneof(anyName, fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty'))
  .filter((n) => !OURS.includes(n));

/** Whatever travels, all of it at once or nothing; always below 8 KiB. */
export const anyCrumbs: fc.Arbitrary<BreadCrumbs> = fc.record({
  requestId: optional(anyText),
  sessionId: optional(anyText),
  publicKey: optional(anyText),
  correlationId: anyText,
  causationId: optional(anyText),
  deadline: optional(number),
  timeoutId: optional(anyText),
  reply: optional(fc.record({ topic: anyText.filter((t) => t !== ''), partition: number })),
  attempt: number,
  user: optional(fc.oneof(anyText, fc.json({ maxDepth: 1 }))),
  final: optional(fc.constant(true)),
  others: optional(
    fc.uniqueArray(fc.tuple(unknownName, anyText), { selector: ([n]) => n, minLength: 1, maxLength: 5 }).map(fromPairs),
  ),
});

const outcome = fc.oneof(
  fc.record({ status: fc.constant('success' as const), value: fc.jsonValue() }),
  fc.record({
    status: fc.constantFrom('rejected' as const, 'failed' as const, 'timeout' as const),
    message: anyText,
    code: anyText,
  }),
  fc.record({
    status: fc.constant('invalid' as const),
    errors: fc.array(fc.record({ path: anyText, constraints: fc.array(anyText) })),
  }),
);
export const anyPayload: fc.Arbitrary<Payload> = fc.oneof(
  fc.record({ kind: fc.constant('command' as const), name: anyName, data: fc.jsonValue() }),
  fc.record({ kind: fc.constant('result' as const), name: anyName, data: outcome }),
  fc.tuple(anyName, anyName, fc.jsonValue()).map(([entity, eventType, data]) => ({
    kind: 'event' as const,
    name: `${entity}.${eventType}`,
    entity,
    eventType,
    data,
  })),
);
const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length - 1}}[1-9a-f]$`));
export const anyTraceparent = fc.tuple(hex(32), hex(16), hex(2)).map((parts) => ['00', ...parts].join('-'));
export const anyMessage: fc.Arbitrary<PlatformMessage> = fc.record(
  {
    id: anyText.filter((t) => t !== ''),
    source: anyText.filter((t) => t !== ''),
    breadCrumbs: anyCrumbs,
    payload: anyPayload,
    traceparent: anyTraceparent,
    baggage: fc.stringMatching(/^[a-z]{1,9}=[a-z]{1,9}$/),
  },
  { requiredKeys: ['id', 'source', 'breadCrumbs', 'payload'] },
);

/** What foreign producers, other libraries and bit rot may put where we expect a header. */
const anyHeader = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(null, undefined),
  fc.array(
    fc.oneof(
      fc.string(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    ),
  ),
  fc.anything(),
);
/** Crumbs that are nearly right. */
export const crumbSoup = fc
  .array(
    fc.tuple(
      fc.constantFrom(...OURS, '__proto__', '', 'x y'),
      fc.constantFrom('=', '==', ''),
      fc.oneof(anyText, fc.constantFrom('1', '%', '%31', '-1', '1e9', '9007199254740993', 'a/1', '/', 'a/')),
    ),
  )
  .map((parts) => parts.map((part) => part.join('')).join(';'));

/** Right most of the time: else the first header that is checked would hide what the others do. */
const mostly = <T>(right: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 8, arbitrary: right }, { weight: 1, arbitrary: anyHeader });
const ourHeaders = fc.record({
  ce_specversion: mostly(fc.constant('1.0')),
  ce_id: mostly(anyText),
  ce_source: mostly(anyText),
  ce_type: mostly(fc.constantFrom('command.A', 'result.A', 'event.A.B', 'event.A', 'command.', 'result.a.b', 'x')),
  ce_breadcrumbs: mostly(fc.oneof(crumbSoup, anyCrumbs.map(encodeBreadCrumbs))),
  traceparent: mostly(anyTraceparent),
  tracestate: anyHeader,
  baggage: anyHeader,
});
/** Headers by anyone. */
export const headerSoup = fc.oneof(ourHeaders, fc.dictionary(fc.string(), anyHeader)) as fc.Arbitrary<RecordHeaders>;
/** Bytes where a payload should be. */
export const valueSoup = fc.oneof(
  fc.json(),
  fc.json().map((json) => Buffer.from(json)),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.constant(null),
);

/** Not by assignment: that would make a prototype of the key `__proto__`. */
function fromPairs(pairs: [string, string][]): Record<string, string> {
  return Object.fromEntries(pairs);
}

/** A command that starts something. */
export function command(data: unknown): PlatformMessage {
  return {
    id: messageId(),
    source: '/gateway',
    breadCrumbs: { correlationId: 'c', attempt: 1 },
    payload: { kind: 'command', name: 'PlaceBid', data },
  };
}
