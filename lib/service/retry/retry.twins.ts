import type { Assignment, MessageLog } from '../../log/message.log.js';
import { RecentMap } from '../dispatch/recent.map.js';
import type { RedeliveryLimits } from '../dispatch/redelivery.guard.js';
import { retriedOf } from './retry.topic.js';

/**
 * Recognises the second copy of a record in a partition of a retry topic: a process that ends between writing it and committing what it
 * was made from writes it again when it comes back.
 */
export class RetryTwins {
  private readonly firsts: RecentMap<bigint>;

  constructor(
    private readonly limits: RedeliveryLimits,
    private readonly now: () => number,
  ) {
    this.firsts = new RecentMap(limits.window, limits.remembered, now);
  }

  /** Learns what stands before the first record that will be read, back by the window. */
  async readBack(log: MessageLog, { topic, partition, position, signal }: Assignment): Promise<void> {
    const starts = await log.offsetsAt(topic, this.now() - this.limits.window, [partition]);
    const from = starts.get(partition) ?? position;
    if (from >= position) return;
    for await (const { records } of log.read({ topic, partition, from, to: position }, signal)) {
      for (const record of records) {
        const name = retriedOf(record)?.name;
        if (name !== undefined) this.admits(name, record.offset);
      }
    }
  }

  /** @returns false where an earlier record of the partition is the same */
  admits(name: string, offset: bigint): boolean {
    const first = this.firsts.get(name);
    if (first !== undefined && first <= offset) return first === offset;
    this.firsts.set(name, offset);
    return true;
  }
}
