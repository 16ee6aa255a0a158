import { OPCODE, wireFrame } from '../raw.socket.js';
import { type Draw, pick } from './seed.js';

const MEGABYTES = 10 * 1024 * 1024;
const LENGTHS = [undefined, undefined, undefined, 0, 1, 125, 126, 127, 65_535, 65_536, 2 ** 31, 2 ** 32, 2 ** 53 - 1];
const PAYLOADS: readonly Buffer[] = [
  ...['', '{}', '{"event":"pong","data":{}}', 'x'.repeat(125), 'x'.repeat(126), 'x'.repeat(70_000), '\u0000'].map(
    (text) => Buffer.from(text),
  ),
  ...[
    [0xff, 0xfe],
    [0xe2, 0x82],
    [0xed, 0xa0, 0x80],
    [3],
    [3, 0xe8],
    [0, 5],
    [3, 0xed],
    [3, 0xee],
    [0x0f, 0xa0],
    [0xff, 0xff],
  ].map((bytes) => Buffer.from(bytes)),
  Buffer.concat([Buffer.of(3, 0xe8), Buffer.alloc(123, 'x')]),
  Buffer.from([3, 0xe8, 0xff]),
];

/** Bytes that are frames of WebSocket, or nearly: one, or two of them, cut off or not. */
export function wireBytes([first, second, how, cut]: Draw): Buffer {
  const frames = how % 3 === 0 ? [oneFrame(first, how), oneFrame(second, how >>> 4)] : [oneFrame(first, second)];
  const bytes = Buffer.concat(frames);
  return cut % 5 === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes;
}

function oneFrame(number: number, more: number): Buffer {
  const opcode = number % 3 === 0 ? (number >>> 2) % 16 : pick(Object.values(OPCODE), number >>> 2);
  return wireFrame(opcode, pick(PAYLOADS, number >>> 6), {
    fin: more % 4 !== 0,
    reserved: more % 5 === 0 ? (more >>> 3) % 8 : 0,
    masked: more % 9 !== 0,
    length: pick(LENGTHS, more >>> 6),
  });
}

const text = (body: string | Buffer, options = {}): Buffer => wireFrame(OPCODE.text, body, options);
const more = (body: string | Buffer, fin = false): Buffer => wireFrame(OPCODE.continuation, body, { fin });
const ping = wireFrame(OPCODE.ping, 'p');
const times = (count: number, frame: Buffer): Buffer[] => Array<Buffer>(count).fill(frame);

/** Made by hand: what each is, the frames, and the close code that is owed to it. */
export const WIRE_CORPUS: readonly (readonly [name: string, frames: readonly Buffer[], code: number | undefined])[] = [
  ['10 MB in one piece', [text(Buffer.alloc(MEGABYTES, 'x'))], 1009],
  ['10 MB that are only announced', [text('x', { length: MEGABYTES })], 1009],
  ['10 MB in fragments', [text('{', { fin: false }), ...times(160, more(Buffer.alloc(65_536, 'x')))], 1009],
  [
    '10 MB in fragments with pings between them',
    [text('{', { fin: false }), ...times(640, Buffer.concat([more(Buffer.alloc(16_384)), ping]))],
    1009,
  ],
  ['10 MB that say they are compressed', [text(Buffer.alloc(MEGABYTES, 'x'), { reserved: 4 })], 1002],
  ['a bomb that says it is compressed', [text(Buffer.alloc(1_000), { reserved: 4 })], 1002],
  ['10 MB of binary', [wireFrame(OPCODE.binary, Buffer.alloc(MEGABYTES))], 1009],
  ['a ping of 10 MB', [wireFrame(OPCODE.ping, 'x', { length: MEGABYTES })], 1002],
  [
    'a message of pings between fragments',
    [text('{"event":"pong",', { fin: false }), ping, ping, more('"data":{}}', true)],
    undefined,
  ],
  [
    'a close between fragments',
    [text('{', { fin: false }), wireFrame(OPCODE.close, Buffer.of(3, 0xe8)), more('}', true)],
    1000,
  ],
  ['a text between fragments', [text('{', { fin: false }), text('{}')], 1002],
  ['2,000 empty fragments', [text('', { fin: false }), ...times(2_000, more(''))], 1008],
  [
    'a character cut by fragments',
    [text(Buffer.of(0x22, 0xe2, 0x82), { fin: false }), ping, more(Buffer.of(0xac, 0x22), true)],
    undefined,
  ],
  ['half a character at the end', [text(Buffer.of(0x22, 0xe2), { fin: false }), more(Buffer.of(0x22), true)], 1007],
  [
    'a length with its highest bit',
    [Buffer.concat([Buffer.of(0x81, 0xff), Buffer.alloc(8, 0xff), Buffer.alloc(4)])],
    1009,
  ],
  ['a length in more bytes than it needs', [Buffer.of(0x89, 0xfe, 0, 1, 0, 0, 0, 0, 0x78)], 1002],
  ['another protocol', [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')], 1002],
];
