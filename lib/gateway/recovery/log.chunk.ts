import type { LogRange, MessageLog } from '../../log/message.log.js';
import type { LogRecord, RecordBatch } from '../../message/record.js';
import type { BroadcastRules } from '../routing/broadcast.rules.js';
import { classify } from '../routing/record.classifier.js';
import type { RoutedRecord } from '../routing/routed.record.js';
import { FrameSlab } from '../socket/frame.slab.js';

/** What is fetched at once: decoding it holds up the event loop, about 10 µs for each KiB. */
export const FETCH_BYTES = 256 * 1024;
/** What a chunk weighs beside its records. */
const ENTRY_BYTES = 500;

/** A stretch of a partition that was read once for all who need it: what of it any client may want. */
export interface LogChunk {
  readonly topic: string;
  readonly partition: number;
  /** First offset that it covers. */
  readonly from: bigint;
  /** First offset behind it. */
  readonly next: bigint;
  /** What it covers below this offset was gone when it was read. */
  readonly held: bigint;
  /** In offset order; each makes its frame once for all. */
  readonly records: readonly RoutedRecord[];
  /** What it weighs in memory, roughly. */
  readonly bytes: number;
}

/** The beginning of a range, as much as is fetched at once. */
export async function fetchStretch(log: MessageLog, range: LogRange, signal: AbortSignal): Promise<FetchedStretch> {
  const batch = await firstOf(log.read({ ...range, bytes: FETCH_BYTES }, signal));
  const { topic, partition, from } = range;
  const { records, next } = batch ?? { records: [], next: range.to }; // nothing is left of it
  // Where its first record is there, nothing of it was taken away. Else compaction may have passed, or an aborted transaction.
  const whole = records[0]?.offset === from;
  const held = whole ? from : ((await startOf(log, topic, partition)) ?? next);
  return { topic, partition, from, next, held, records };
}

/** A stretch of the log as it was fetched. */
export type FetchedStretch = Omit<LogChunk, 'records' | 'bytes'> & { readonly records: readonly LogRecord[] };

/** Decides once for all clients what of a stretch any of them may want. */
export function chunkOf(fetched: FetchedStretch, rules: BroadcastRules): LogChunk {
  const slab = new FrameSlab();
  const records = fetched.records.flatMap((record) => classify(record, rules, slab) ?? []);
  const bytes = records.reduce((sum, record) => sum + record.bytes, ENTRY_BYTES);
  return { ...fetched, records, bytes };
}

async function firstOf(batches: AsyncIterable<RecordBatch>): Promise<RecordBatch | undefined> {
  for await (const batch of batches) return batch;
  return undefined;
}

async function startOf(log: MessageLog, topic: string, partition: number): Promise<bigint | undefined> {
  return (await log.offsets(topic)).find((one) => one.partition === partition)?.start;
}
