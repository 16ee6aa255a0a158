import type { LogRecord, MessageLog } from 'nestjs-kafka-socket';

/** All that a topic holds now, partition by partition. */
export async function recordsOf(log: MessageLog, topic: string): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (const { partition, start: from, end: to } of await log.offsets(topic)) {
    for await (const batch of log.read({ topic, partition, from, to })) records.push(...batch.records);
  }
  return records;
}

/** Those that follow from a request. */
export async function recordsOfRequest(log: MessageLog, topic: string, requestId: string): Promise<LogRecord[]> {
  const records = await recordsOf(log, topic);
  return records.filter(({ headers }) => String(headers['ce_breadcrumbs']).includes(`request=${requestId}`));
}
