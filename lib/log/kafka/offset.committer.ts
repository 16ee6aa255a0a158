import type { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import type { LogTroubles } from '../log.troubles.js';
import type { TopicPartition } from '../partition.dealer.js';
import { Backoff } from './backoff.js';
import { rootOf, typeOf } from './kafka.failure.js';
import type { Broker } from './kafkajs.internals.js';

/** Pause before a commit, in milliseconds: each is a write to the brokers, and all that finishes meanwhile goes along. */
const PAUSE = 50;
/**
 * How long commits may fail before they are a trouble, in milliseconds. A member that the group has passed over is refused until
 * it learns of that with its next heartbeat, and a coordinator that moves to another broker is away for a moment.
 */
const PATIENCE = 1_000;

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
  private readonly backoff = new Backoff();
  /** Since when nothing could be committed, by `performance.now()`; undefined where the last attempt was well. */
  private failing?: number;
  private readonly part: string;

  constructor(
    private readonly group: string,
    private readonly commit: CommitOffsets,
    private readonly troubles: LogTroubles,
    private readonly logger: Logger,
  ) {
    this.part = `group ${group}, commits`;
  }

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
    this.troubles.forget(this.part);
    if (flush) void this.send();
  }

  private schedule(): void {
    if (this.timer || this.sending || this.ended || this.noted.size === 0) return;
    // Whoever refuses a commit does so at once: it would be asked without end.
    const pause = this.failing === undefined ? PAUSE : this.backoff.step();
    this.timer = setTimeout(() => void this.send(), pause);
  }

  private async send(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.noted.size === 0) return;
    const finished = [...this.noted.values()];
    this.noted.clear();
    this.sending = this.attempt(finished);
    await this.sending;
    this.sending = undefined;
    this.schedule();
  }

  private async attempt(finished: readonly Finished[]): Promise<void> {
    try {
      await this.commit(offsetsOf(finished, this.noteless));
      this.succeeded();
    } catch (error) {
      if (this.ended) return;
      this.putBack(finished);
      this.failed(error);
    }
  }

  private succeeded(): void {
    if (this.failing === undefined || this.ended) return;
    this.failing = undefined;
    this.backoff.reset();
    this.troubles.clear(this.part);
  }

  private failed(error: unknown): void {
    if (typeOf(error) === 'OFFSET_METADATA_TOO_LARGE') this.leaveNotesOut();
    this.failing ??= performance.now();
    if (performance.now() - this.failing < PATIENCE) return;
    this.troubles.report(
      this.part,
      `Group ${this.group} cannot commit and tries again; what it finishes meanwhile comes again after a restart: ${messageOf(rootOf(error))}`,
    );
  }

  private leaveNotesOut(): void {
    if (!this.noteless)
      this.logger.warn(
        `Group ${this.group} commits without notes now: the brokers refuse them. Let their offset.metadata.max.bytes be 4096 or more.`,
      );
    this.noteless = true;
  }

  private putBack(finished: readonly Finished[]): void {
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
