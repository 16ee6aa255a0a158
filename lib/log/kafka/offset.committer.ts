import type { TopicPartition } from '../partition.dealer.js';
import { typeOf } from './kafka.failure.js';
import type { Broker } from './kafkajs.internals.js';

/** Pause before a commit, in milliseconds: each is a write to the brokers, and all that finishes meanwhile goes along. */
const PAUSE = 50;

type Offsets = Parameters<Broker['offsetCommit']>[0]['topics'];

/** Sends offsets to the group's coordinator: one attempt, for one generation. */
export type CommitOffsets = (offsets: Offsets) => Promise<void>;

type Finished = TopicPartition & { readonly next: bigint; readonly note: string };

/**
 * Commits what is finished in the background: the newest offset of each partition, one request at a time, none that goes back.
 * It belongs to one generation of a group and ends with it: what a member commits later would overwrite the next owner's.
 */
export class OffsetCommitter {
  private readonly noted = new Map<string, Finished>();
  private readonly latest = new Map<string, Finished>();
  private sending?: Promise<void>;
  private timer?: NodeJS.Timeout;
  private ended = false;
  /** The brokers take shorter notes than they do by default. Offsets matter more, so they go without. */
  private noteless = false;

  constructor(
    private readonly commit: CommitOffsets,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** All of a partition below `next` is finished. @param note replaces that of the commit before */
  note({ topic, partition }: TopicPartition, next: bigint, note = ''): void {
    const key = `${topic}/${partition}`;
    const latest = this.latest.get(key);
    if (this.ended || (latest && (next < latest.next || (next === latest.next && note === latest.note)))) return;
    const finished = { topic, partition, next, note };
    this.latest.set(key, finished);
    this.noted.set(key, finished);
    this.schedule();
  }

  /** Sends what is noted, at once, and waits for the answer. */
  async flush(): Promise<void> {
    // Several may wait for the same request: the first of them sends what all have noted.
    while (this.sending) await this.sending;
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
    this.timer = setTimeout(() => void this.send(), PAUSE);
  }

  private async send(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.noted.size === 0) return;
    const finished = [...this.noted.values()];
    this.noted.clear();
    this.sending = this.commit(offsetsOf(finished, this.noteless)).catch((error: unknown) =>
      this.putBack(finished, error),
    );
    await this.sending;
    this.sending = undefined;
    this.schedule();
  }

  private putBack(finished: readonly Finished[], error: unknown): void {
    if (typeOf(error) === 'OFFSET_METADATA_TOO_LARGE') this.noteless = true;
    if (this.ended) return;
    this.failed(error);
    for (const one of finished) {
      const key = `${one.topic}/${one.partition}`;
      if (!this.noted.has(key)) this.noted.set(key, one);
    }
  }
}

function offsetsOf(finished: readonly Finished[], noteless: boolean): Offsets {
  const topics = new Map<string, { partition: number; offset: string; metadata: string | null }[]>();
  for (const { topic, partition, next, note } of finished) {
    const metadata = noteless || note === '' ? null : note;
    topics.set(topic, [...(topics.get(topic) ?? []), { partition, offset: next.toString(), metadata }]);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}
