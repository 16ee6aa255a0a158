/*
 * kafkajs 2.2.4 copies all headers of a record for each of them: one record of 10,000 headers, 80 KB, holds the process for 17 seconds,
 * one of a megabyte for hours, and whoever may write to a topic could stop all that read it. So what it reads them
 * into puts them together itself. That changes a class which all users of kafkajs in the process share: they read what they read before, sooner.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** The same in every copy of this package that the process has. */
const patched = Symbol.for('nestjs-kafka-socket:linear-headers');

interface Header {
  readonly key: string;
  readonly value: Buffer | null;
}

type Headers = Record<string, Header['value'] | Header['value'][]>;
type Reader = (decoder: Decoder) => unknown;

interface Decoder {
  readVarIntArray(reader: Reader): unknown;
}

/** All headers of a record by name: a list where one is repeated. */
function byName(list: readonly Header[]): Headers {
  const headers: Headers = {};
  for (const { key, value } of list) {
    const before = Object.hasOwn(headers, key) ? headers[key] : undefined;
    if (before === undefined) setHeader<Headers[string]>(headers, key, value);
    else if (Array.isArray(before)) before.push(value);
    else setHeader<Headers[string]>(headers, key, [before, value]);
  }
  return headers;
}

/** Sets a header, whatever it is called: assigned, `__proto__` would be no header but the prototype of all of them. */
export function setHeader<V>(headers: Record<string, V>, name: string, value: V): void {
  if (name !== '__proto__') headers[name] = value;
  else Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Has kafkajs read the headers of records in a time that grows with their number, and not with its square. Safe to call twice. */
export function readHeadersOnce(): void {
  const { prototype } = require('kafkajs/src/protocol/decoder') as { readonly prototype: Decoder };
  const readHeader = require('kafkajs/src/protocol/recordBatch/header/v0/decoder') as Reader;
  if (patched in prototype) return;
  const { readVarIntArray } = prototype;
  Object.defineProperty(prototype, patched, { value: true });
  prototype.readVarIntArray = function (this: Decoder, reader: Reader) {
    const read = readVarIntArray.call(this, reader);
    // The decoder of records asks nothing else of them.
    return reader === readHeader ? { reduce: () => byName(read as readonly Header[]) } : read;
  };
}
