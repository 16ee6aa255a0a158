import type { Assignment, MessageLog } from '../log/message.log.js';

/** Where a partition ends now, asked afresh. */
export async function endOf(log: MessageLog, { topic, partition, position }: Assignment): Promise<bigint> {
  const [held] = await log.offsets(topic, [partition]);
  return held?.end ?? position;
}
