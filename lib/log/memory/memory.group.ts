import { messageOf } from '../../kafka-socket.error.js';
import type { RecordBatch } from '../../message/record.js';
import { takeAssignment } from '../assignment.start.js';
import type { LogTroubles } from '../log.troubles.js';
import type { Assignment, GroupMember, Subscription } from '../message.log.js';
import { dealPartitions, type GroupReader } from '../partition.dealer.js';
import type { MemoryPartition } from './memory.partition.js';
import { MemoryReader } from './memory.reader.js';

interface Committed {
  readonly next: bigint;
  readonly note: string;
}

/** What a group has finished, and who reads for it. Whenever somebody comes or goes, all partitions are dealt anew. */
export class MemoryGroup {
  private readonly members = new Map<string, MemoryGroupMember>();
  private readonly committed = new Map<MemoryPartition, Committed>();
  private joined = 0;

  constructor(
    readonly name: string,
    private readonly topics: ReadonlyMap<string, readonly MemoryPartition[]>,
  ) {}

  join(topics: readonly string[], member: GroupMember, troubles: LogTroubles): Subscription {
    const joining = new MemoryGroupMember(`member-${++this.joined}`, topics, this, member, troubles);
    this.members.set(joining.id, joining);
    this.rebalance();
    return joining;
  }

  leave(id: string): void {
    if (this.members.delete(id)) this.rebalance();
  }

  /** The offset that a partition is taken up at. */
  positionOf(partition: MemoryPartition): bigint {
    const committed = this.committed.get(partition)?.next ?? 0n;
    return committed < partition.start ? partition.start : committed;
  }

  /** What was noted with that offset; nothing where retention has taken what it speaks of. */
  noteOf(partition: MemoryPartition): string | undefined {
    const { next, note } = this.committed.get(partition) ?? { next: 0n, note: '' };
    return next < partition.start || note === '' ? undefined : note;
  }

  commit(partition: MemoryPartition, next: bigint, note: string): void {
    if (next >= (this.committed.get(partition)?.next ?? 0n)) this.committed.set(partition, { next, note });
  }

  private rebalance(): void {
    const members = [...this.members.values()];
    for (const member of members) member.revoke();
    const wanted = new Set(members.flatMap(({ topics }) => topics));
    const counts = new Map([...wanted].map((topic) => [topic, this.topics.get(topic)!.length]));
    const hands = dealPartitions(members, counts);
    for (const member of members) {
      member.assign(hands.get(member.id)!.map(({ topic, partition }) => this.topics.get(topic)![partition]!));
    }
  }
}

class MemoryGroupMember implements Subscription, GroupReader {
  private assignments: MemoryAssignment[] = [];

  constructor(
    readonly id: string,
    readonly topics: readonly string[],
    private readonly group: MemoryGroup,
    private readonly member: GroupMember,
    private readonly troubles: LogTroubles,
  ) {}

  assign(partitions: readonly MemoryPartition[]): void {
    this.assignments = partitions.map((partition) => new MemoryAssignment(partition, this.group));
    for (const assignment of this.assignments) void assignment.start(this.member, this.troubles);
  }

  revoke(): void {
    for (const assignment of this.assignments) assignment.revoke();
    this.assignments = [];
  }

  stop(): Promise<void> {
    this.revoke();
    this.group.leave(this.id);
    return Promise.resolve();
  }
}

class MemoryAssignment implements Assignment {
  readonly topic: string;
  readonly partition: number;
  readonly position: bigint;
  readonly note: string | undefined;
  private readonly lost = new AbortController();
  private reader?: MemoryReader;
  private paused = false;

  constructor(
    private readonly source: MemoryPartition,
    private readonly group: MemoryGroup,
  ) {
    this.topic = source.topic;
    this.partition = source.partition;
    this.position = group.positionOf(source);
    this.note = group.noteOf(source);
  }

  get signal(): AbortSignal {
    return this.lost.signal;
  }

  async start(member: GroupMember, troubles: LogTroubles): Promise<void> {
    await Promise.resolve(); // whoever joins or leaves must not run the others' code
    if (!(await takeAssignment(this.group.name, member, this, troubles))) return;
    const part = `group ${this.group.name}, records of ${this.topic}/${this.partition}`;
    this.reader = new MemoryReader(this.source, this.position, {
      batch: (batch: RecordBatch) => {
        member.batch(this, batch);
        troubles.clear(part);
      },
      failed: (error) => troubles.report(part, `A handler of ${part} failed and is called again: ${messageOf(error)}`),
    });
    if (this.paused) this.reader.pause();
  }

  commit(next: bigint, note = ''): void {
    if (!this.signal.aborted) this.group.commit(this.source, next, note);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  pause(): void {
    this.paused = true;
    this.reader?.pause();
  }

  resume(): void {
    this.paused = false;
    this.reader?.resume();
  }

  revoke(): void {
    this.reader?.stop();
    this.lost.abort();
  }
}
