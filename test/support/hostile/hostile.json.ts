/** What stands in no log line, error or frame to others: in letters alone, so that no encoding hides it. */
export const MARK = 'HOSTILEMARKHOSTILE';

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const objects = (levels: number): string => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);
const long = (bytes: number): string => `"${'x'.repeat(bytes)}"`;

/** JSON, and what nearly is, that is cheap to read. */
const SMALL: readonly string[] = [
  ...['null', 'true', 'false', '0', '-0', '-0.0', '1', '-1', '0.5', '1e308', '1e309', '-1e309', '1e-400', '1E+2'],
  ...['9007199254740991', '9007199254740993', '-9007199254740993', '18446744073709551616', '2147483648', '1e21'],
  '9'.repeat(400),
  ...['01', '+1', '.5', '1.', '0x10', 'NaN', 'Infinity', '-Infinity', 'undefined', '1n', "'x'"],
  ...['""', '" "', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d"', '"\\ufeff"', '"\\u202e"'],
  ...['"\\n\\r\\n[Nest] ERROR forged"', '"\\u001b[31mred"', '"\\u2028"', '"\\x41"', '"\\u12"', '"\t"', '"\u0000"'],
  ...['"__proto__"', '"constructor"', '"prototype"', '"toString"', '"hasOwnProperty"', '"then"', '"toJSON"'],
  ...['[]', '{}', '[[]]', '[null]', '[{}]', '{"":{}}', '[1,]', '{"a":1,}', '{,}', '[,]', '{"a"}', '{a:1}'],
  ...['{"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{"polluted":true}}}', '{"__proto__":null}'],
  ...[
    '{"toString":null,"valueOf":null}',
    '{"then":"x"}',
    '{"toJSON":1}',
    '{"length":4294967295}',
    '{"0":1,"length":-1}',
  ],
  ...['{"__type":"Date","$ref":"#","$where":"1"}', '{"type":"Buffer","data":[1,2,3]}', '{"type":"Buffer","data":1e9}'],
  ...[
    '"../../etc/passwd"',
    '"%00"',
    '"%"',
    '"a;b=c;final=1"',
    '"final=1;session=x"',
    '"socket/x/broadcast"',
    '"\\ud83d\\ude00"',
  ],
  ...['"-1"', '"-2"', '"0"', '"00"', '"1.5"', '"1e3"', '" 1"', '"9223372036854775807"', '"9999999999999999999"'],
  ...[
    '"99999999999999999999"',
    '{"0":"9223372036854775807"}',
    '{"999999":"0"}',
    '{"-1":"0"}',
    '{"0":-1}',
    '{"0":"0x1"}',
  ],
  ...['"(a+)+$"', '"*"', '"Bid.*"', '"a.b.c"', '"."', '".."', '"a..b"', '"Bid."', '".Created"'],
  ...['"00000000-0000-0000-0000-000000000000"', '"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"', '"' + 'ß'.repeat(40) + '"'],
];

/** One in so many is what costs whoever reads it. */
export const LARGE_EVERY = 160;

/** What that is. */
const LARGE: readonly string[] = [
  ...[nested(600), nested(6_000), nested(20_000), objects(600), objects(6_000), `"${'\\u0000'.repeat(2_000)}"`],
  ...[long(129), long(257), long(1_025), long(16_385), long(60_000), `"${'a'.repeat(30_000)}!"`],
  `[${Array<string>(1_025).fill('"a"').join()}]`,
  `[${Array.from({ length: 1_024 }, (_, i) => `"t${i}"`).join()}]`,
  `[${Array.from({ length: 1_024 }, (_, i) => `"A.b${i}"`).join()}]`,
  `{${Array.from({ length: 2_000 }, (_, i) => `"t${i}":{"0":"1"}`).join()}}`,
  `{"x":{${Array.from({ length: 3_000 }, (_, i) => `"${i}":"1"`).join()}}}`,
  `{${Array<string>(3_000).fill('"a":1').join()}}`,
  `{"\\u005f_proto__":{},${Array.from({ length: 2_000 }, (_, i) => `"k${i}":[{}]`).join()}}`,
];

/** A value for the place of a member, as the text of JSON. */
export function hostileJson(number: number): string {
  return number % LARGE_EVERY === 0 ? LARGE[(number / LARGE_EVERY) % LARGE.length]! : SMALL[number % SMALL.length]!;
}

/** Names of members that something may stumble over. */
export const HOSTILE_NAMES: readonly string[] = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'then', 'toJSON', 'length', ''],
  ...['0', '-1', '\u0000', '\n', '\ud800', 'id', 'event', 'data', 'sessionId', 'requestId', 'token', 'user', 'final'],
];

/** Pieces that belong nowhere in a text. */
const PIECES = [
  '\u0000',
  '\ufeff',
  '}{',
  '\n',
  '//',
  ',,',
  '""',
  '\\u',
  '\\',
  '[',
  ']',
  '}',
  '\u2028',
  '\u202e',
  'é',
  '😀',
];
/** What is no UTF-8: overlong, cut off, a surrogate, beyond the last character. */
const NOT_UTF8 = [[0xc0, 0xaf], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff], [0x80]];

/** Bytes that belong nowhere in a text; few are no UTF-8, since those end a socket. */
export function hostileBytes(number: number): Buffer {
  const rest = Math.floor(number / 16);
  return number % 16 === 0
    ? Buffer.from(NOT_UTF8[rest % NOT_UTF8.length]!)
    : Buffer.from(PIECES[rest % PIECES.length]!);
}

/** Texts that are no frames at all. */
export const HOSTILE_TEXTS: readonly string[] = [
  ...[
    '',
    ' ',
    'null',
    '[]',
    '{}',
    '0',
    '"hello"',
    '{"event":"pong"}',
    '{"data":{}}',
    '{"event":1,"data":{}}',
    '{{',
    'GET / HTTP/1.1',
  ],
  ...[
    '{"event":"","data":{}}',
    '{"event":"pong","data":[]}',
    '{"event":"pong","data":null}',
    '{"event":["pong"],"data":{}}',
  ],
  ...[
    '{"event":"__proto__","data":{}}',
    '{"event":"constructor","data":{}}',
    '{"event":"hello","data":{}}',
    '\ufeff{}',
  ],
  ...[
    '{"event":"cancel","data":{"requestId":"x"},"id":"y"}',
    '{"event":"welcome","data":{}}',
    '{"event":"ping","data":{}}',
  ],
  ...[
    '{"event":"pong","event":"cancel","data":{},"data":{}}',
    '{"event":"pong","data":{},"id":null}',
    '{"event":"pong","data":{},"id":1}',
  ],
  ...[nested(15_000), objects(10_000), `{"event":"pong","data":{"x":${nested(10_000)}}}`, long(50_000)],
];
