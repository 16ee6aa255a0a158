import type { Logger } from '@nestjs/common';
import { type KafkaSocketError, messageOf } from '../../kafka-socket.error.js';
import { atMost } from '../at-most.js';
import type { KafkaOptions } from '../log.options.js';
import type { LogTroubles } from '../log.troubles.js';
import type { GroupMember, Subscription } from '../message.log.js';
import type { TopicPartition } from '../partition.dealer.js';
import { GroupGeneration } from './group.generation.js';
import { type Dealt, GroupMembership } from './group.membership.js';
import { rootOf, unavailable } from './kafka.failure.js';
import { type CommitOffsets, OffsetCommitter } from './offset.committer.js';
import { PartitionFetcher } from './partition.fetcher.js';
import type { ReadingCluster } from './reading.cluster.js';
import type { SharedFetches } from './shared.fetches.js';

/** How long leaving may take, in milliseconds, and the last commit before it. */
const LEAVE_LIMIT = 3_000;
/** How long joining for the first time may fail, in milliseconds: a new cluster makes its coordinator on demand. */
const PATIENCE = 10_000;

/** By which connections a group is read. */
export interface GroupConnections {
  /** Shared with whoever asks for offsets; kept open by somebody else. */
  readonly asking: ReadingCluster;
  /** The group's own, since to join takes as long as the slowest of its members: opened and closed with the group. */
  readonly own: ReadingCluster;
  /** What others of this process fetch. */
  readonly shared: SharedFetches;
}

/** Reads as a member of a group: what the group deals to this member is fetched as for any other reader, from where the group has got to. */
export class KafkaGroup implements Subscription {
  private readonly stopping = new AbortController();
  private readonly part: string;
  private membership?: GroupMembership;
  private fetcher?: PartitionFetcher;
  private generation?: GroupGeneration;
  private running: Promise<void> = Promise.resolve();
  private stopped?: Promise<void>;

  constructor(
    private readonly name: string,
    private readonly topics: readonly string[],
    private readonly member: GroupMember,
    private readonly options: KafkaOptions,
    private readonly connections: GroupConnections,
    private readonly troubles: LogTroubles,
    private readonly logger: Logger,
  ) {
    this.part = `group ${name}`;
  }

  /** Resolves when the group was joined, or when it is stopped before. @throws as {@link MessageLog.consume} */
  async join(): Promise<void> {
    const { own, shared } = this.connections;
    try {
      await own.connect();
    } catch (error) {
      throw this.cannotJoin(error);
    }
    await own.know(this.topics);
    if (this.stopping.signal.aborted) return;
    const refreshed = (): void => this.membership?.checkPartitions();
    this.fetcher = new PartitionFetcher(own, this.options, this.troubles, this.part, shared, 'follower', refreshed);
    const problem = await this.start();
    if (problem === undefined) return;
    await this.stop();
    throw this.cannotJoin(problem);
  }

  stop(): Promise<void> {
    return (this.stopped ??= this.end());
  }

  private async end(): Promise<void> {
    if (this.generation) await atMost(LEAVE_LIMIT, this.generation.committer.flush());
    this.stopping.abort();
    const fetched = this.fetcher?.close();
    await this.running;
    await this.leave();
    await this.connections.own.close(fetched);
    this.troubles.forget(`${this.part}, membership`);
  }

  /** Until its session ends the group would wait for a member that went without a word. */
  private async leave(): Promise<void> {
    const memberId = this.membership?.memberId;
    if (memberId !== undefined) await atMost(LEAVE_LIMIT, this.connections.asking.leave(this.name, memberId));
  }

  /** @returns why the group cannot be joined; undefined once it was, or was stopped */
  private start(): Promise<unknown> {
    const giveUp = performance.now() + PATIENCE;
    return new Promise((resolve) => {
      let joined = false;
      const membership = this.membershipOf(
        (dealt, commit) => {
          joined = true;
          this.assign(dealt, commit);
          resolve(undefined);
        },
        (error) => {
          // Before it is told to whoever joins, in time: a new cluster makes its coordinator only now.
          if (joined) this.report(error);
          else if (performance.now() > giveUp) resolve(error);
        },
      );
      this.membership = membership;
      this.running = membership.run(this.stopping.signal);
      void this.running.then(() => resolve(undefined));
    });
  }

  private membershipOf(
    joined: (dealt: Dealt, commit: CommitOffsets) => void,
    failed: (error: unknown) => void,
  ): GroupMembership {
    const { own } = this.connections;
    const member = own.memberOf(this.name, this.topics, (topics) => this.warnOfTopics(topics));
    const lost = (flush: boolean): void => this.lose(flush);
    return new GroupMembership(this.name, member, own, this.options.sessionTimeout, { joined, lost, failed });
  }

  private cannotJoin(problem: unknown): KafkaSocketError {
    return unavailable(`joining group ${this.name}`, this.options.brokers, problem);
  }

  private assign(dealt: Dealt, commit: CommitOffsets): void {
    this.troubles.clear(`${this.part}, membership`);
    const committer = new OffsetCommitter(this.name, commit, this.troubles, this.logger);
    const { asking } = this.connections;
    this.generation = new GroupGeneration(this.name, dealt, asking, this.fetcher!, this.troubles, committer, {
      batch: (assignment, batch) => {
        if (!this.membership!.isCurrent) throw new Error('the coordinator was not heard of for a whole session');
        this.member.batch(assignment, batch);
      },
      gone: (partition, from, to) => this.warnOfGap(partition, from, to),
    });
    this.generation.start(this.member);
  }

  private lose(flush: boolean): void {
    this.generation?.end(flush);
    this.generation = undefined;
  }

  private report(error: unknown): void {
    const reason = messageOf(rootOf(error));
    this.troubles.report(
      `${this.part}, membership`,
      `Group ${this.name} is not read now, it will be joined again: ${reason}`,
    );
  }

  private warnOfGap({ topic, partition }: TopicPartition, expected: bigint, next: bigint): void {
    this.logger.warn(`Offset ${expected} of ${topic}/${partition} is gone. Group ${this.name} goes on at ${next}.`);
  }

  private warnOfTopics(topics: readonly string[]): void {
    this.logger.warn(
      `Partitions of ${topics.join(', ')} were dealt to this member of group ${this.name}, which does not read them, so nobody does ` +
        'now. All instances of a service must read the same topics: finish the deployment, or give the other service another name.',
    );
  }
}
