import type { LogRange, MessageLog } from '../log/message.log.js';
import { endedRequest } from '../message/outcome.rule.js';
import type { BreadCrumbs } from '../message/bread-crumbs.js';
import { messageTime } from '../message/message.id.js';
import type { LogRecord } from '../message/record.js';

/**
 * How far the clocks of those who write may lie apart, in milliseconds: so much earlier than a request was made the search for its
 * outcome begins. A record's place is looked up by the time that its writer gave it.
 */
export const SKEW = 10_000;

/** Where to look for what ended a request. */
export type Search = Omit<LogRange, 'from' | 'bytes'>;

/**
 * All that ends a request in a stretch of the log, in order; the first one is its outcome.
 * @param identity see `requestIdentity`
 * @throws as {@link MessageLog.read} does
 */
export async function* terminalRecords(
  log: MessageLog,
  search: Search,
  { correlationId }: Pick<BreadCrumbs, 'correlationId'>,
  identity: string,
  signal: AbortSignal,
): AsyncIterable<LogRecord> {
  const from = await startOf(log, search, messageTime(correlationId));
  for await (const { records } of log.read({ ...search, from }, signal)) {
    for (const record of records) if (endedRequest(record.headers) === identity) yield record;
  }
}

/** The oldest record where a message's id does not say when it was made. */
async function startOf(log: MessageLog, { topic, partition }: Search, time: number | undefined): Promise<bigint> {
  if (time === undefined) return 0n;
  return (await log.offsetsAt(topic, time - SKEW, [partition])).get(partition) ?? 0n;
}
