import { setTimeout as sleep } from 'node:timers/promises';
import { abortable } from '../abortable.js';
import { Backoff } from './backoff.js';
import { typeOf } from './kafka.failure.js';
import type { Broker, ConsumerGroup } from './kafkajs.internals.js';
import type { CommitOffsets } from './offset.committer.js';
import type { ReadingCluster } from './reading.cluster.js';

/** Longest pause between two heartbeats, in milliseconds: so long it takes until members learn of a rebalance. */
const HEARTBEAT = 1_000;
/** The group deals its partitions out anew, and members that have not joined again by then are out. */
const REBALANCE = 'REBALANCE_IN_PROGRESS';
/** What kafkajs calls it that a topic has partitions which nobody was dealt. */
const NEW_PARTITIONS = 'KafkaJSStaleTopicMetadataAssignment';
/** The group went on without this member. */
const PASSED_OVER = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID']);

/** Partitions by their topics. */
export type Dealt = ReturnType<ConsumerGroup['assigned']>;

/** What a membership is for. */
export interface MembershipOwner {
  /** The group has dealt its partitions out. @param commit commits for this generation alone */
  joined(dealt: Dealt, commit: CommitOffsets): void;
  /** What was dealt is lost. @param flush whether what is finished may still be committed */
  lost(flush: boolean): void;
  /** Joining failed, or nobody answered for a session long. It is tried again. */
  failed(error: unknown): void;
}

/**
 * Belongs to a group: joins it, says at a pace that it is there, and joins again where the group asks for it. What kafkajs knows of
 * the protocol is used; the loop is not, since it beats while it fetches, and takes every trouble for the end of the membership. A
 * member that lost its connections joins again as the member that it was, so that nobody waits for one who went.
 */
export class GroupMembership {
  /** When the coordinator was asked last of what it has answered well since, by `performance.now()`. */
  private confirmed = 0;
  private coordinator?: Broker;
  /** Topics have got partitions that nobody was dealt. */
  private stale = false;

  constructor(
    private readonly group: string,
    private readonly member: ConsumerGroup,
    private readonly cluster: ReadingCluster,
    /** Milliseconds. */
    private readonly sessionTimeout: number,
    private readonly owner: MembershipOwner,
  ) {}

  /** Undefined where the coordinator knows of none. */
  get memberId(): string | undefined {
    return this.member.memberId ?? undefined;
  }

  /**
   * Whether the coordinator was heard of for as long as it waits for its members. A process that stood still may have been replaced
   * long ago, and learns it with its next heartbeat.
   */
  get isCurrent(): boolean {
    return performance.now() - this.confirmed < this.sessionTimeout;
  }

  /** Asks the group to deal anew where a topic has got partitions since. */
  checkPartitions(): void {
    try {
      this.member.checkForStaleAssignment();
    } catch (error) {
      if ((error as Error).name === NEW_PARTITIONS) this.stale = true; // else a topic is gone, which nobody can deal out
    }
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        await this.join(signal);
        backoff.reset();
        this.owner.lost(await this.stay(signal));
      } catch (error) {
        this.owner.lost(false);
        if (signal.aborted) return;
        this.owner.failed(error);
        await backoff.pause(signal);
        await abortable([signal], () => this.cluster.refresh()).catch(() => undefined); // who leads may have changed
      }
    }
  }

  private async join(signal: AbortSignal): Promise<void> {
    await abortable([signal], () => this.member.joinAndSync());
    this.confirmed = performance.now();
    this.stale = false;
    this.coordinator = undefined;
    this.owner.joined(this.member.assigned(), this.commits());
  }

  /** What an older generation commits is refused, whenever it arrives. */
  private commits(): CommitOffsets {
    const generation = this.generation();
    return async (topics) => {
      const coordinator = await this.findCoordinator();
      await coordinator.offsetCommit({ ...generation, topics }).catch((error: unknown) => {
        this.coordinator = undefined;
        throw error;
      });
    };
  }

  private generation(): { groupId: string; memberId: string; groupGenerationId: number } {
    const { memberId, generationId } = this.member;
    return { groupId: this.group, memberId: memberId!, groupGenerationId: generationId };
  }

  /**
   * Until the group deals anew.
   * @returns whether the generation is still the current one
   * @throws what went wrong last where the coordinator was out of reach for as long as it waits for its members
   */
  private async stay(signal: AbortSignal): Promise<boolean> {
    while (!this.stale) {
      await sleep(this.pace, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      const error = await this.beat(signal);
      const type = typeOf(error);
      if (type === REBALANCE) return true;
      if (type !== undefined && PASSED_OVER.has(type)) {
        if (type === 'UNKNOWN_MEMBER_ID') this.member.memberId = null;
        return false;
      }
      if (!this.isCurrent) throw error;
    }
    return true;
  }

  private get pace(): number {
    return Math.min(HEARTBEAT, Math.floor(this.sessionTimeout / 3));
  }

  /** @returns what went wrong; undefined where all is well */
  private async beat(signal: AbortSignal): Promise<unknown> {
    const asked = performance.now();
    const tooLong = new AbortController();
    const session = this.confirmed + this.sessionTimeout - asked;
    const timer = setTimeout(() => tooLong.abort(new Error('the coordinator does not answer')), session);
    try {
      await abortable([signal, tooLong.signal], async () =>
        (await this.findCoordinator()).heartbeat(this.generation()),
      );
      this.confirmed = asked;
      return undefined;
    } catch (error) {
      this.coordinator = undefined;
      return error;
    } finally {
      clearTimeout(timer);
    }
  }

  private async findCoordinator(): Promise<Broker> {
    return (this.coordinator ??= await this.cluster.coordinator(this.group));
  }
}
