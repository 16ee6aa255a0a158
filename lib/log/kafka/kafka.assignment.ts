import type { Assignment } from '../message.log.js';
import type { TopicPartition } from '../partition.dealer.js';

/** What an assignment needs of its group. */
export interface AssignmentOwner {
  commit(partition: TopicPartition, next: bigint, note: string): void;
  flush(): Promise<void>;
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
}

/** Why a partition is not fetched: its member asked for it, or has not taken it yet. */
export type PauseReason = 'member' | 'taking';

/** A partition for as long as one generation of the group lasts. */
export class KafkaAssignment implements Assignment {
  /** Where its first record is; known before anybody is told of it. */
  position = 0n;
  /** See {@link Assignment.note}; known with the position. */
  note?: string;
  /** Whether its member has taken it, so that records may come. */
  taken = false;
  /** The offset that kafkajs has to fetch next. */
  expected = 0n;
  /** The offset that kafkajs was last sent back to, since what it passed by began behind it. */
  sought?: bigint;
  private readonly lost = new AbortController();
  private readonly pauses = new Set<PauseReason>();

  constructor(
    readonly topic: string,
    readonly partition: number,
    private readonly owner: AssignmentOwner,
  ) {}

  get signal(): AbortSignal {
    return this.lost.signal;
  }

  commit(next: bigint, note = ''): void {
    if (!this.signal.aborted) this.owner.commit(this, next, note);
  }

  async flush(): Promise<void> {
    if (!this.signal.aborted) await this.owner.flush();
  }

  pause(reason: PauseReason = 'member'): void {
    if (this.signal.aborted) return;
    this.pauses.add(reason);
    this.owner.pause(this);
  }

  resume(reason: PauseReason = 'member'): void {
    if (this.signal.aborted || !this.pauses.delete(reason)) return;
    if (this.pauses.size === 0) this.owner.resume(this);
  }

  revoke(): void {
    this.lost.abort();
  }
}
