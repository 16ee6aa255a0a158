import type { IHeaders } from 'kafkajs';
import type { HeaderValue, LogRecord, RecordBatch, RecordHeaders } from '../../message/record.js';
import type { RawBatch, RawMessage } from './kafkajs.internals.js';
import { setHeader } from './linear.headers.js';

type Bytes = string | Buffer;

/** What was fetched from a position on, and where to go on. */
export function recordBatchOf(batch: RawBatch, from: bigint): RecordBatch {
  const { topic, partition } = batch;
  const records = batch.messages.map((message) => recordOf(topic, partition, message));
  return { topic, partition, records, next: nextOf(batch, from) };
}

/**
 * The offset behind the last batch, whatever of it was shown. Not `Batch.lastOffset`: of an empty answer that says the end of
 * the partition, also where an open transaction holds records back.
 */
export function nextOf({ rawMessages }: RawBatch, from: bigint): bigint {
  const last = rawMessages.at(-1);
  if (!last) return from;
  const { firstOffset, lastOffsetDelta } = last.batchContext ?? { firstOffset: last.offset, lastOffsetDelta: 0 };
  const next = BigInt(firstOffset) + BigInt(lastOffsetDelta) + 1n; // compaction may have taken the batch's last records
  return next > from ? next : from;
}

function recordOf(topic: string, partition: number, message: RawMessage): LogRecord {
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    timestamp: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers: headersOf(message.headers),
  };
}

function headersOf(headers: IHeaders | undefined): RecordHeaders {
  for (const name in headers) if (Array.isArray(headers[name])) return { ...headers, ...repeatedHeaders(headers) };
  return headers ?? {};
}

/** Without what is null: of a header that is repeated the values count that it has. */
function repeatedHeaders(headers: IHeaders): Record<string, HeaderValue> {
  const repeated: Record<string, HeaderValue> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!Array.isArray(value)) continue;
    const values = (value as unknown[]).filter((one): one is Bytes => typeof one === 'string' || Buffer.isBuffer(one));
    setHeader(repeated, name, values.length > 1 ? values : (values[0] ?? null));
  }
  return repeated;
}
