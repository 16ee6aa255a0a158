import { randomUUID } from 'node:crypto';
import type { Message } from 'kafkajs';
import { HOSTILE_NAMES, hostileJson, LARGE_EVERY, MARK } from './hostile.json.js';
import { type Draw, pick } from './seed.js';

/** What a house of hostile records understands, see `record.house.ts`. */
const COMMANDS = ['Work', 'Flaky', 'Shelved'];
const EVENTS = ['Thing.Made', 'Thing.Sold', 'Thing.Lost'];
/** One in so many is addressed to a handler; the others must be passed by. */
const ADDRESSED = 8;

/** Bread crumbs that are none, or lie. */
const CRUMBS: readonly string[] = [
  ...[
    '=',
    ';',
    ';;',
    'a',
    'a=b=c',
    '=x',
    'x y=1',
    'request',
    'a=%',
    'a=%ZZ',
    'a=%C0%AF',
    'a=%ED%A0%80',
    `a=${'x'.repeat(8_200)}`,
  ],
  ...[
    'deadline=-1',
    'deadline=1e9',
    'deadline=99999999999999999999',
    'deadline=01',
    'attempt=-1',
    'attempt=9007199254740993',
  ],
  ...['reply=/0', 'reply=a', 'reply=a/', 'reply=a/-1', 'reply=a/1.5', 'reply=%2F1', 'ключ=1'],
].map((text) => text.replaceAll('ключ', '\u043a'));

/** Crumbs that can be read, and say what nobody meant. */
const ODD_CRUMBS: readonly string[] = [
  ...[
    '',
    'a=1;a=2;a=3',
    '__proto__=x;constructor=y',
    'final=1',
    'due=1',
    'user=%7B',
    'user=null',
    'command=..%2F',
    'attempt=0',
  ],
  ...[
    'attempt=9007199254740991',
    'deadline=9007199254740991',
    'progress=1',
    'timeout=x',
    'causation=x',
    'correlation=',
  ],
  `user=${encodeURIComponent('{"__proto__":{"sub":"ann"}}')}`,
  Array.from({ length: 600 }, (_, i) => `c${i}=${i}`).join(';'),
];

/** Headers that stand beside ours. */
const OTHERS: readonly (() => Message['headers'])[] = [
  () => ({ traceparent: '00-00000000000000000000000000000000-0000000000000000-00', tracestate: '\u0000' }),
  () => ({
    traceparent: `00-${'f'.repeat(32)}-${'1'.repeat(16)}-ff`,
    tracestate: 'x'.repeat(2_000),
    baggage: 'a=b,'.repeat(2_100),
  }),
  () => ({
    retry_due: '999999999999999999',
    retry_attempts: '-1',
    retry_handler: 'x',
    retry_topic: '',
    retry_offset: 'x',
  }),
  () => ({ dlq_reason: 'failed', dlq_attempts: '1e9', dlq_error: '\n'.repeat(100), dlq_topic: '../x' }),
  () => ({
    'content-type': 'application/xml',
    ce_time: 'yesterday',
    ce_datacontenttype: 'text/html',
    ce_dataschema: '\u0000',
  }),
  () => ({ 'content-type': ['a', 'b'], 'Content-Type': Buffer.from([0xff]), '': 'x', '\u0000': 'x', '\n': 'x' }),
  () =>
    JSON.parse('{"__proto__":["x"],"constructor":"y","toString":["z","z"],"hasOwnProperty":"w"}') as Message['headers'],
  () => Object.fromEntries(HOSTILE_NAMES.map((name) => [`${name}_`, MARK])),
];

/** What costs whoever reads it: a few in all. */
const LARGE: readonly (() => Partial<Message>)[] = [
  () => ({ headers: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`h${i}`, 'x'])) }),
  () => ({ headers: { h: Array<string>(20_000).fill('x') } }),
  () => ({ headers: { h: 'x'.repeat(900_000) } }),
  () => ({ value: `"${'x'.repeat(900_000)}"` }),
  () => ({ value: `${'['.repeat(400_000)}${']'.repeat(400_000)}` }),
  () => ({ value: `{"__proto__":1,"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}` }),
  () => ({ value: `{"n":2,"list":[${Array<string>(100_000).fill('{}').join()}],"x":"\\u005f"}` }),
  () => ({ key: 'k'.repeat(500_000) }),
];

const TYPES: readonly (string | undefined)[] = [
  ...[
    undefined,
    '',
    'command',
    'command.',
    '.Work',
    'command.Work.',
    'command.Wörk',
    'COMMAND.Work',
    'command.Work ',
    'command.Work\u0000',
  ],
  ...[
    'command.Nobody',
    'event.Thing',
    'event..Made',
    'event.Thing.Made.Twice',
    'event.Other.Nothing',
    'event.Other.Made',
  ],
  ...[
    'progress.Work',
    'progress.',
    '__proto__',
    'constructor',
    `command.${'W'.repeat(600)}`,
    'command.Work\n[Nest] forged',
  ],
];

/** Keys that are none, or nobody's, or too many. */
const OWNERS = [
  '',
  ';publickey=',
  ';publickey=x',
  `;publickey=B${'A'.repeat(86)}`,
  ';publickey=__proto__',
  ';publickey=%00',
  ';user=%7B%7D',
];

const KEYS: readonly (string | Buffer | null)[] = [
  null,
  '',
  'k1',
  'k2',
  'k3',
  '__proto__',
  '\u0000',
  '\n',
  Buffer.of(0xff, 0),
  'lot-7',
];

/** One record in so many is one of the large. */
const LARGE_RECORD_EVERY = 5_000;
/** One value in so many is long. */
const LARGE_VALUE_EVERY = 3 * LARGE_EVERY;

/** Whether a record is one of the large, which fill a batch alone. */
export function isLarge(number: number): boolean {
  return number % LARGE_RECORD_EVERY === 7;
}

/** Makes the record of a number. Its id begins with the number, whatever else is wrong with it, unless it has none. */
export function hostileRecord(number: number, draw: Draw, victim: string): Message {
  const [kind] = draw;
  const large = isLarge(number) ? pick(LARGE, Math.floor(number / LARGE_RECORD_EVERY))() : {};
  const record = kind % ADDRESSED === 0 ? addressed(number, draw) : passedBy(number, draw, victim);
  return { ...record, ...large, headers: { ...record.headers, ...large.headers } };
}

function passedBy(number: number, [, how, where, what]: Draw, victim: string): Message {
  const type = how % 5 === 0 ? `result.${pick(COMMANDS, where)}` : pick(TYPES, where);
  const headers = { ...proper(number, type), ...(how % 3 === 0 && pick(OTHERS, what)()) };
  // Results for the session of somebody who is there, under other keys than his.
  if (how % 10 === 0)
    headers['ce_breadcrumbs'] = `request=${randomUUID()};session=${victim}${pick(OWNERS, what)};final=1`;
  if (how % 7 === 0) headers['ce_type'] = [Buffer.from([0xff, 0xfe]), `command.Work`];
  if (how % 11 === 0) return { key: pick(KEYS, what), value: valueOf(what) };
  return { key: pick(KEYS, how), value: how % 4 === 0 ? null : valueOf(what), headers };
}

function addressed(number: number, [kind, how, where, what]: Draw): Message {
  const isCommand = (kind >>> 4) % 2 === 0;
  const name = pick(isCommand ? COMMANDS : EVENTS, kind >>> 5);
  const headers = proper(number, `${isCommand ? 'command' : 'event'}.${name}`);
  const key = pick(KEYS, where);
  const value = JSON.stringify({ n: what % 50, note: MARK });
  switch (how % 8) {
    case 0:
      return { key, value, headers: { ...headers, ...pick(OTHERS, what)() } };
    case 1:
      return { key, value, headers: { ...headers, ce_breadcrumbs: pick(CRUMBS, what) } };
    case 2:
      return { key, value, headers: { ...headers, ce_breadcrumbs: pick(ODD_CRUMBS, what) } };
    case 3:
      return {
        key,
        value,
        headers: { ...headers, ...pick([{ ce_specversion: '2.0' }, { ce_source: '' }, { ce_specversion: '' }], what) },
      };
    case 4:
      return { key, value: pick([null, '', '{', Buffer.from([0xff, 0xfe]), '{"n":1}x', '\ufeff{}'], what), headers };
    case 5:
      return { key, value: valueOf(what), headers };
    case 6:
      return { key, value: `{"n":${valueOf(what)},"note":"${MARK}"}`, headers };
    default:
      return { key, value, headers };
  }
}

/** Fewer of those that are long than in frames: all of them are written to disks, and some three times. */
function valueOf(what: number): string {
  return hostileJson(what % LARGE_EVERY === 0 && what % LARGE_VALUE_EVERY !== 0 ? what + 1 : what);
}

function proper(number: number, type: string | undefined): NonNullable<Message['headers']> {
  return {
    ce_specversion: '1.0',
    ce_id: number % 9 === 0 ? `h${number}\n[Nest] ERROR forged` : `h${number}`,
    ce_source: '/hostile',
    ...(type !== undefined && { ce_type: type }),
    'content-type': 'application/json',
    ce_breadcrumbs: `correlation=${randomUUID()};attempt=1`,
  };
}
