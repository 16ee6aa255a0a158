import type { Assignment } from '../../log/message.log.js';
import { CommitWatermark } from './commit.watermark.js';
import type { AttemptLedger } from '../retry/attempt.ledger.js';
import type { RetryTwins } from '../retry/retry.twins.js';
import type { RedeliveryGuard } from './redelivery.guard.js';

/**
 * How long what is known of a lost partition is kept, in milliseconds. Whenever an instance comes or goes all partitions are
 * dealt anew, and most come back at once: then nothing that ended here runs again, and only what was written meanwhile must be
 * read back.
 */
const LIFETIME = 60_000;

/** What is known of a partition, whoever owns it now. */
export interface PartitionMemory {
  readonly guard: RedeliveryGuard;
  readonly watermark: CommitWatermark;
  readonly ledger: AttemptLedger;
  /** Only of a retry topic. */
  readonly twins?: RetryTwins;
}

/** What is known of the partitions that are not ours, and were lately. */
export class LostPartitions {
  private readonly lost = new Map<string, { readonly memory: PartitionMemory; readonly at: number }>();

  /** @param now any clock, in milliseconds */
  constructor(private readonly now: () => number) {}

  keep({ topic, partition }: Assignment, memory: PartitionMemory): void {
    this.lost.set(`${topic}/${partition}`, { memory, at: this.now() });
  }

  /**
   * Takes out what is known of a partition that is ours again.
   * @param end its end in the log; below what was read the topic was made anew, and nothing of it is known
   */
  recall({ topic, partition, position }: Assignment, end: bigint): PartitionMemory | undefined {
    for (const [name, { at }] of this.lost) if (this.now() - at > LIFETIME) this.lost.delete(name);
    const name = `${topic}/${partition}`;
    const memory = this.lost.get(name)?.memory;
    this.lost.delete(name);
    if (!memory || memory.watermark.read > end) return undefined;
    memory.watermark.rewind(position);
    return memory;
  }
}
