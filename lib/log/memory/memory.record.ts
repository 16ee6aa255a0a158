import type { HeaderValue, RecordHeaders } from '../../message/record.js';

type Bytes = string | Buffer | null;

/** Bytes as a reader finds them: a copy, since nobody changes a log by changing what was written. */
export function storedBytes(bytes: Bytes): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes as Buffer);
}

/** Headers as a reader of Kafka finds them: bytes or null, a list where a name is repeated. */
export function storedHeaders(headers: RecordHeaders): RecordHeaders {
  const stored: Record<string, HeaderValue> = {};
  for (const [name, value] of Object.entries(headers)) {
    const values = (Array.isArray(value) ? value : [value]).filter((one: unknown) => one !== undefined) as Bytes[];
    if (values.length > 1) stored[name] = values.map((one) => storedBytes(one)!);
    else if (values.length === 1) stored[name] = storedBytes(values[0]!);
  }
  return stored;
}
