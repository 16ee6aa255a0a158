import type { HeaderValue, RecordHeaders } from '../../message/record.js';

type Bytes = string | Buffer;

/** Bytes as a reader finds them: a copy, since nobody changes a log by changing what was written. */
export function storedBytes(bytes: Bytes | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes as Buffer);
}

/** Headers as a reader of Kafka finds them: bytes, a list where a name is repeated. Null is left out, as kafkajs cannot write it. */
export function storedHeaders(headers: RecordHeaders): RecordHeaders {
  const stored: Record<string, HeaderValue> = {};
  for (const [name, value] of Object.entries(headers)) {
    const values = (Array.isArray(value) ? value : [value]).filter(
      (one) => one !== undefined && one !== null,
    ) as Bytes[];
    if (values.length > 1) stored[name] = values.map((one) => storedBytes(one)!);
    else if (values.length === 1) stored[name] = storedBytes(values[0]!);
  }
  return stored;
}
