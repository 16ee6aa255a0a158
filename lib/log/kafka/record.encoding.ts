import { createRequire } from 'node:module';
import type { OutgoingRecord } from '../../message/record.js';

/*
 * Records as they stand on the wire and on the brokers' disks (https://kafka.apache.org/documentation/#messageformat, magic 2).
 * kafkajs makes a buffer of 512 zeros for each record and each of its headers, which was a fifth of all that a gateway did.
 */

const crc32c = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number;

type Bytes = string | Buffer | null;

/** Of a batch before its records, and where what its checksum is about begins. */
const BATCH_HEADER = 61;
const CHECKED = 21;
/** Of a record before its key: attributes, and the time since the batch's first one, which is 0. */
const RECORD_HEADER = 2;
const MAGIC = 2;
/** What says that a producer has no number, no epoch and counts nothing. */
const NONE = -1;

/** What a record takes at most beside its content: its length, and where it stands in its batch. */
export const RECORD_OVERHEAD = BATCH_HEADER + RECORD_HEADER + 10;

/** Key, value and headers, as bytes of its own: what is published is sent a little later. Headers without a value are left out. */
export function encodeContent({ key, value, headers }: Pick<OutgoingRecord, 'key' | 'value' | 'headers'>): Buffer {
  const fields = fieldsOf(headers);
  let size = sizeOfField(key) + sizeOfField(value) + sizeOfNumber(fields.length / 2);
  for (const field of fields) size += sizeOfField(field);
  const bytes = Buffer.allocUnsafe(size);
  let at = writeField(bytes, value, writeField(bytes, key, 0));
  at = writeNumber(bytes, fields.length / 2, at);
  for (const field of fields) at = writeField(bytes, field, at);
  return bytes;
}

/** A batch of records that {@link encodeContent} made, all of the same time in milliseconds since the epoch. */
export function encodeBatch(contents: readonly Buffer[], timestamp: number): Buffer {
  const lengths = contents.map((content, index) => RECORD_HEADER + sizeOfNumber(index) + content.length);
  const size = lengths.reduce((sum, length) => sum + sizeOfNumber(length) + length, BATCH_HEADER);
  const bytes = Buffer.allocUnsafe(size);
  let at = BATCH_HEADER;
  for (const [index, content] of contents.entries()) {
    at = writeNumber(bytes, lengths[index]!, at);
    at = bytes.writeInt16BE(0, at); // neither attributes nor time since the first
    at = writeNumber(bytes, index, at);
    at += content.copy(bytes, at);
  }
  writeBatchHeader(bytes, contents.length, BigInt(timestamp));
  return bytes;
}

function writeBatchHeader(bytes: Buffer, count: number, timestamp: bigint): void {
  bytes.writeBigInt64BE(0n, 0); // the broker writes the offset
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt32BE(0, 12); // the broker's epoch
  bytes.writeInt8(MAGIC, 16);
  bytes.writeInt16BE(0, CHECKED); // neither compressed nor part of a transaction
  bytes.writeInt32BE(count - 1, 23);
  bytes.writeBigInt64BE(timestamp, 27);
  bytes.writeBigInt64BE(timestamp, 35);
  bytes.writeBigInt64BE(BigInt(NONE), 43);
  bytes.writeInt16BE(NONE, 51);
  bytes.writeInt32BE(NONE, 53);
  bytes.writeInt32BE(count, 57);
  bytes.writeUInt32BE(crc32c(bytes.subarray(CHECKED)), 17);
}

/** Name and value of each header, one behind the other; a repeated one once for each value. */
function fieldsOf(headers: OutgoingRecord['headers']): Bytes[] {
  const fields: Bytes[] = [];
  for (const [name, value] of Object.entries(headers)) {
    for (const one of Array.isArray(value) ? (value as readonly Bytes[]) : [value as Bytes | undefined])
      if (one !== undefined && one !== null) fields.push(name, one);
  }
  return fields;
}

function sizeOfField(field: Bytes): number {
  if (field === null) return 1;
  const length = Buffer.byteLength(field);
  return sizeOfNumber(length) + length;
}

/** @returns where the next one begins */
function writeField(bytes: Buffer, field: Bytes, at: number): number {
  if (field === null) return writeNumber(bytes, NONE, at);
  const begin = writeNumber(bytes, Buffer.byteLength(field), at);
  return begin + (typeof field === 'string' ? bytes.write(field, begin) : field.copy(bytes, begin));
}

/** Numbers near 0 are short, on either side of it: seven bits a byte, the lowest ones first. */
function sizeOfNumber(number: number): number {
  let size = 1;
  for (let rest = zigZag(number); rest > 0x7f; rest >>>= 7) size++;
  return size;
}

function writeNumber(bytes: Buffer, number: number, begin: number): number {
  let at = begin;
  let rest = zigZag(number);
  for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}

function zigZag(number: number): number {
  return ((number << 1) ^ (number >> 31)) >>> 0;
}
