import type { RecordBatch } from '../../message/record.js';
import type { Assignment } from '../message.log.js';
import type { TopicPartition } from '../partition.dealer.js';
import { PartitionReading } from './partition.reading.js';

/** What an assignment needs of its group. */
export interface AssignmentOwner {
  commit(partition: TopicPartition, next: bigint, note: string): void;
  flush(): Promise<void>;
  /** Told that a partition is to be fetched (again). */
  resumed(): void;
  /** Called again with the same records where it fails. */
  batch(assignment: KafkaAssignment, batch: RecordBatch): void;
  failed(partition: TopicPartition, error: unknown): void;
  /** Told that retention has taken what stood between two offsets. */
  gone(partition: TopicPartition, from: bigint, to: bigint): void;
}

/** No fetch is from here, so that none which the generation before has asked for brings anything before a partition is taken. */
const NOWHERE = -1n;

/** A partition for as long as one generation of the group lasts. */
export class KafkaAssignment implements Assignment {
  /** Where its first record is; known before anybody is told of it. */
  position = 0n;
  /** See {@link Assignment.note}; known with the position. */
  note?: string;
  /** Fetches nothing before the partition is {@link take taken}. */
  readonly reading: PartitionReading;
  private readonly lost = new AbortController();
  private paused = false;
  private taken = false;

  constructor(
    readonly topic: string,
    readonly partition: number,
    private readonly owner: AssignmentOwner,
  ) {
    this.reading = new PartitionReading(topic, partition, NOWHERE, {
      batch: (batch) => {
        if (!this.signal.aborted) owner.batch(this, batch);
      },
      failed: (error) => owner.failed(this, error),
      skipped: (from, to) => owner.gone(this, from, to),
    });
    this.reading.paused = true;
  }

  get signal(): AbortSignal {
    return this.lost.signal;
  }

  commit(next: bigint, note = ''): void {
    if (!this.signal.aborted) this.owner.commit(this, next, note);
  }

  async flush(): Promise<void> {
    if (!this.signal.aborted) await this.owner.flush();
  }

  pause(): void {
    this.paused = true;
    this.reading.paused = true;
  }

  resume(): void {
    this.paused = false;
    if (this.taken) this.read();
  }

  /** Its member has taken it: records may come. */
  take(): void {
    this.taken = true;
    this.reading.position = this.position;
    if (!this.paused) this.read();
  }

  revoke(): void {
    this.lost.abort();
  }

  private read(): void {
    if (this.signal.aborted || !this.reading.paused) return;
    this.reading.paused = false;
    this.owner.resumed();
  }
}
