import type { Offsets } from 'kafkajs';
import type { TopicPartition } from '../partition.dealer.js';

/** Pause before a commit, in milliseconds: each is a write to the brokers, and all that finishes meanwhile goes along. */
const PAUSE = 50;

/** Sends offsets to the group's coordinator: one attempt, for the generation that is current when it is called. */
export type CommitOffsets = (offsets: Offsets) => Promise<void>;

type Finished = TopicPartition & { readonly next: bigint };

/**
 * Commits what is finished in the background: the newest offset of each partition, one request at a time, none that goes back.
 * It belongs to one generation of a group and ends with it: what a member commits later would overwrite the next owner's.
 */
export class OffsetCommitter {
  private readonly noted = new Map<string, Finished>();
  private readonly highest = new Map<string, bigint>();
  private sending?: Promise<void>;
  private timer?: NodeJS.Timeout;
  private ended = false;

  constructor(
    private readonly commit: () => CommitOffsets | undefined,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** All of a partition below `next` is finished. */
  note({ topic, partition }: TopicPartition, next: bigint): void {
    const key = `${topic}/${partition}`;
    if (this.ended || next <= (this.highest.get(key) ?? -1n)) return;
    this.highest.set(key, next);
    this.noted.set(key, { topic, partition, next });
    this.schedule();
  }

  /** Sends what is noted, at once, and waits for the answer. */
  async flush(): Promise<void> {
    await this.sending;
    await this.send();
  }

  /** Takes nothing more. @param flush whether our generation is still the current one, so that what is noted may be sent */
  end(flush: boolean): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.timer);
    if (flush) void this.send();
  }

  private schedule(): void {
    if (this.timer || this.sending || this.ended || this.noted.size === 0) return;
    // From a timer: between two steps of kafkajs' own, its generation may be a new one while ours has not been told yet.
    this.timer = setTimeout(() => void this.send(), PAUSE);
  }

  private async send(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const commit = this.commit();
    if (!commit || this.noted.size === 0) return;
    const finished = [...this.noted.values()];
    this.noted.clear();
    this.sending = commit(offsetsOf(finished)).catch((error: unknown) => this.putBack(finished, error));
    await this.sending;
    this.sending = undefined;
    this.schedule();
  }

  private putBack(finished: readonly Finished[], error: unknown): void {
    if (this.ended) return;
    this.failed(error);
    for (const one of finished) {
      const key = `${one.topic}/${one.partition}`;
      if (!this.noted.has(key)) this.noted.set(key, one);
    }
  }
}

function offsetsOf(finished: readonly Finished[]): Offsets {
  const topics = new Map<string, { partition: number; offset: string }[]>();
  for (const { topic, partition, next } of finished) {
    topics.set(topic, [...(topics.get(topic) ?? []), { partition, offset: next.toString() }]);
  }
  return { topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })) };
}
