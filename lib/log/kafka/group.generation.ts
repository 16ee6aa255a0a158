import { setMaxListeners } from 'node:events';
import { messageOf } from '../../kafka-socket.error.js';
import { takeAssignment } from '../assignment.start.js';
import type { LogTroubles } from '../log.troubles.js';
import type { GroupMember } from '../message.log.js';
import { Backoff } from './backoff.js';
import { type AssignmentOwner, KafkaAssignment } from './kafka.assignment.js';
import type { OffsetCommitter } from './offset.committer.js';
import type { TopicPartition } from '../partition.dealer.js';
import type { Committed, ReadingCluster } from './reading.cluster.js';
import { WakeUp } from './wake-up.js';

const NEVER_COMMITTED: Committed = { offset: -1n };

/** What a generation needs of its group. */
export interface GenerationOwner extends Pick<AssignmentOwner, 'pause' | 'resume'> {
  /** Told that the log does not reach to what the group has committed, and where it goes on. */
  gone(partition: TopicPartition, committed: bigint, next: bigint): void;
}

/** What one member holds from one rebalance to the next. */
export class GroupGeneration {
  /** Whenever a member has taken an assignment, or all are lost. */
  readonly changed = new WakeUp();
  private readonly assignments = new Map<string, KafkaAssignment>();
  private readonly ended = new AbortController();
  /** When records of a partition first had to wait for it to be taken, by `performance.now()`. */
  private waitingSince?: number;

  constructor(
    private readonly group: string,
    assigned: Readonly<Record<string, readonly number[]>>,
    private readonly cluster: ReadingCluster,
    private readonly troubles: LogTroubles,
    readonly committer: OffsetCommitter,
    private readonly owner: GenerationOwner,
  ) {
    setMaxListeners(0, this.ended.signal); // each topic whose positions are asked for is one
    const commit = committer.note.bind(committer);
    const flush = committer.flush.bind(committer);
    for (const [topic, partitions] of Object.entries(assigned)) {
      for (const partition of partitions) {
        this.assignments.set(
          `${topic}/${partition}`,
          new KafkaAssignment(topic, partition, { pause: owner.pause, resume: owner.resume, commit, flush }),
        );
      }
    }
  }

  /** Undefined where the partition is not ours (any more). */
  find(topic: string, partition: number): KafkaAssignment | undefined {
    return this.ended.signal.aborted ? undefined : this.assignments.get(`${topic}/${partition}`);
  }

  /** How much is left of the time for which records may wait until partitions are taken, in milliseconds: one span for all of them. */
  patience(span: number): number {
    const now = performance.now();
    this.waitingSince ??= now;
    return this.waitingSince + span - now;
  }

  /** Tells the member what it holds, topic by topic as soon as it is known where to begin. */
  start(member: GroupMember): void {
    const topics = new Set([...this.assignments.values()].map(({ topic }) => topic));
    for (const topic of topics) void this.startTopic(topic, member);
  }

  /** All is lost. @param flush whether what is finished may still be committed */
  end(flush: boolean): void {
    if (this.ended.signal.aborted) return;
    this.ended.abort();
    for (const assignment of this.assignments.values()) assignment.revoke();
    this.committer.end(flush);
    this.changed.notify();
  }

  private async startTopic(topic: string, member: GroupMember): Promise<void> {
    const assignments = [...this.assignments.values()].filter((one) => one.topic === topic);
    if (!(await this.findPositions(topic, assignments))) return;
    for (const assignment of assignments) void this.hand(assignment, member);
  }

  private async hand(assignment: KafkaAssignment, member: GroupMember): Promise<void> {
    if (!(await takeAssignment(this.group, member, assignment, this.troubles))) return;
    assignment.taken = true;
    assignment.resume('taking');
    this.changed.notify();
  }

  /** @returns false where all was lost before it was known */
  private async findPositions(topic: string, assignments: readonly KafkaAssignment[]): Promise<boolean> {
    const part = `group ${this.group}, positions of ${topic}`;
    const { signal } = this.ended;
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        await this.askPositions(topic, assignments);
        this.troubles.clear(part);
        return true;
      } catch (error) {
        const reason = messageOf(error);
        if (!signal.aborted)
          this.troubles.report(part, `Group ${this.group} cannot learn where to read "${topic}": ${reason}`);
        await backoff.pause(signal);
        if (!signal.aborted) await this.cluster.refresh().catch(() => undefined);
      }
    }
    this.troubles.forget(part);
    return false;
  }

  /** The committed offset, or the start where there is none or where the log does not reach to it: as kafkajs will fetch. */
  private async askPositions(topic: string, assignments: readonly KafkaAssignment[]): Promise<void> {
    const partitions = assignments.map(({ partition }) => partition);
    const [held, committed] = await Promise.all([
      this.cluster.offsets(topic),
      this.cluster.committed(this.group, topic, partitions),
    ]);
    for (const assignment of assignments) {
      const offsets = held.find(({ partition }) => partition === assignment.partition);
      if (!offsets) throw new Error(`partition ${assignment.partition} is not known yet`);
      const { start, end } = offsets;
      const { offset, note } = committed.get(assignment.partition) ?? NEVER_COMMITTED;
      const isThere = offset >= start && offset <= end;
      // kafkajs goes on there as well, and says neither of which topic nor how much of it was never read. Below 0 nothing was committed.
      if (!isThere && offset >= 0n) this.owner.gone(assignment, offset, start);
      assignment.position = isThere ? offset : start;
      assignment.note = isThere ? note : undefined; // it speaks of records that are gone
      assignment.expected = assignment.position;
    }
  }
}
