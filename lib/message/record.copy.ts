import type { HeaderValue, LogRecord } from './record.js';

/** A record whose bytes are its own: one that is kept for long would else keep all that its fetch brought, a megabyte or more. */
export function copyOf(record: LogRecord): LogRecord {
  const { key, value, headers } = record;
  const copies = Object.entries(headers).map(([name, header]) => [name, headerCopy(header)]);
  return {
    ...record,
    key: key && Buffer.from(key),
    value: value && Buffer.from(value),
    headers: Object.fromEntries(copies),
  };
}

function headerCopy(header: HeaderValue): HeaderValue {
  if (Buffer.isBuffer(header)) return Buffer.from(header);
  return Array.isArray(header) ? header.map((one) => headerCopy(one as HeaderValue) as string | Buffer) : header;
}
