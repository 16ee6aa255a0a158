import type { MessageLog } from '../../log/message.log.js';
import { within } from '../../timeout/bounded.wait.js';
import type { PartitionLag } from '../service.metrics.js';

/** How long whoever asks waits for the log, in milliseconds. */
const LIMIT = 1_000;

/** Where handling stands in a partition. */
export interface PartitionProgress {
  readonly topic: string;
  readonly partition: number;
  /** All below it is finished. */
  readonly finished: bigint;
}

/**
 * How many records of each partition are not finished. The ends are asked of the log itself: a reader that stands still learns of no
 * new records.
 */
export async function dispatchLag(log: MessageLog, progress: readonly PartitionProgress[]): Promise<PartitionLag[]> {
  const topics = [...new Set(progress.map(({ topic }) => topic))];
  const ends = new Map<string, bigint>();
  await Promise.allSettled(topics.map((topic) => readEnds(log, topic, ends)));
  return progress.map(({ topic, partition, finished }) => {
    const end = ends.get(`${topic}/${partition}`);
    const records = end === undefined ? undefined : Math.max(0, Number(end - finished));
    return { topic, partition, records };
  });
}

async function readEnds(log: MessageLog, topic: string, ends: Map<string, bigint>): Promise<void> {
  const late = (): Error => new Error('The log does not answer.');
  for (const { partition, end } of await within(log.offsets(topic), LIMIT, late))
    ends.set(`${topic}/${partition}`, end);
}
