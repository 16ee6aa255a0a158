import { setMaxListeners } from 'node:events';
import { messageOf } from '../../kafka-socket.error.js';
import { takeAssignment } from '../assignment.start.js';
import type { LogTroubles } from '../log.troubles.js';
import type { GroupMember } from '../message.log.js';
import type { TopicPartition } from '../partition.dealer.js';
import { Backoff } from './backoff.js';
import { type AssignmentOwner, KafkaAssignment } from './kafka.assignment.js';
import type { Dealt } from './group.membership.js';
import type { OffsetCommitter } from './offset.committer.js';
import type { PartitionFetcher } from './partition.fetcher.js';
import type { Committed, ReadingCluster } from './reading.cluster.js';

const NEVER_COMMITTED: Committed = { offset: -1n };

/** What a generation needs of its group. */
export type GenerationOwner = Pick<AssignmentOwner, 'batch' | 'gone'>;

/** What one member holds from one rebalance to the next. */
export class GroupGeneration {
  private readonly assignments: readonly KafkaAssignment[];
  private readonly ended = new AbortController();

  constructor(
    private readonly group: string,
    dealt: Dealt,
    private readonly cluster: ReadingCluster,
    private readonly fetcher: PartitionFetcher,
    private readonly troubles: LogTroubles,
    readonly committer: OffsetCommitter,
    private readonly owner: GenerationOwner,
  ) {
    setMaxListeners(0, this.ended.signal); // each topic whose positions are asked for is one
    const assignmentOwner: AssignmentOwner = {
      batch: (assignment, batch) => {
        owner.batch(assignment, batch);
        troubles.clear(this.taking(assignment));
      },
      failed: (assignment, error) =>
        troubles.report(
          this.taking(assignment),
          `Group ${group} failed at records of ${nameOf(assignment)} and is given them again: ${messageOf(error)}`,
        ),
      gone: owner.gone,
      commit: committer.note.bind(committer),
      flush: committer.flush.bind(committer),
      resumed: () => fetcher.wake(),
    };
    this.assignments = dealt.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => new KafkaAssignment(topic, partition, assignmentOwner)),
    );
  }

  /** Tells the member what it holds, as soon as it is known where to begin. */
  start(member: GroupMember): void {
    for (const { reading } of this.assignments) this.fetcher.add(reading);
    const topics = new Set(this.assignments.map(({ topic }) => topic));
    for (const topic of topics) void this.startTopic(topic, member);
  }

  /** All is lost. @param flush whether what is finished may still be committed */
  end(flush: boolean): void {
    if (this.ended.signal.aborted) return;
    this.ended.abort();
    for (const assignment of this.assignments) {
      this.fetcher.remove(assignment.reading);
      assignment.revoke();
      this.troubles.forget(this.taking(assignment));
    }
    this.committer.end(flush);
  }

  private taking(partition: TopicPartition): string {
    return `group ${this.group}, records of ${nameOf(partition)}`;
  }

  private async startTopic(topic: string, member: GroupMember): Promise<void> {
    const part = `group ${this.group}, positions of ${topic}`;
    const { signal } = this.ended;
    const backoff = new Backoff();
    const waiting = new Set(this.assignments.filter((one) => one.topic === topic));
    while (!signal.aborted) {
      try {
        await this.startLed(topic, waiting, member);
        return this.troubles.clear(part);
      } catch (error) {
        const reason = messageOf(error);
        if (!signal.aborted)
          this.troubles.report(part, `Group ${this.group} cannot learn where to read "${topic}": ${reason}`);
        await backoff.pause(signal);
      }
    }
    this.troubles.forget(part);
  }

  /** Begins with the partitions that have a leader: none that has not keeps the others from being read. @throws where one has not */
  private async startLed(topic: string, waiting: Set<KafkaAssignment>, member: GroupMember): Promise<void> {
    await this.cluster.know([topic]);
    await this.cluster.refresh(); // who led when somebody asked last would be waited for
    const led = [...waiting].filter((one) => this.cluster.leaderOf(one) !== undefined);
    if (led.length > 0) await this.askPositions(topic, led);
    if (this.ended.signal.aborted) return;
    for (const assignment of led) {
      waiting.delete(assignment);
      void this.hand(assignment, member);
    }
    if (waiting.size > 0) throw new Error(`there is no leader for ${[...waiting].map(nameOf).join(', ')}`);
  }

  private async hand(assignment: KafkaAssignment, member: GroupMember): Promise<void> {
    if (!(await takeAssignment(this.group, member, assignment, this.troubles))) return;
    assignment.take();
  }

  /** The committed offset, or the start where there is none or where the log does not reach to it. */
  private async askPositions(topic: string, assignments: readonly KafkaAssignment[]): Promise<void> {
    const partitions = assignments.map(({ partition }) => partition);
    const [held, committed] = await Promise.all([
      this.cluster.offsets(topic, partitions),
      this.cluster.committed(this.group, topic, partitions),
    ]);
    for (const assignment of assignments) {
      const offsets = held.find(({ partition }) => partition === assignment.partition);
      if (!offsets) throw new Error(`there is no ${nameOf(assignment)} any more`);
      const { start, end } = offsets;
      const { offset, note } = committed.get(assignment.partition) ?? NEVER_COMMITTED;
      const isThere = offset >= start && offset <= end;
      // Below 0 nothing was committed.
      if (!isThere && offset >= 0n) this.owner.gone(assignment, offset, start);
      assignment.position = isThere ? offset : start;
      assignment.note = isThere ? note : undefined; // it speaks of records that are gone
    }
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
