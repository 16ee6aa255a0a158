import { MissingTopicsError } from '../../log/log.errors.js';
import type { MessageLog, PartitionOffsets } from '../../log/message.log.js';
import type { Positions, RecoveryReason } from '../../protocol/frames.js';
import type { GatewayOptions } from '../gateway.options.js';
import type { RecordRouter } from '../routing/record.router.js';

/** A partition. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** A partition of which something was missed. */
export interface MissedPartition extends Place {
  /** The log's end when the client asked: all before it comes before `recovered`. */
  readonly end: bigint;
  /** Events below it are left out: there are more than `limits.replay`. */
  readonly eventsFrom: bigint;
}

/** What one session asked for, compared with what the log held. */
export interface RecoveryPlan {
  /** For each partition, as `topic/partition`, the last offset that the client is done with. */
  readonly from: ReadonlyMap<string, bigint>;
  readonly missed: readonly MissedPartition[];
  /** The topics that the client hears `recovered` of, and why not all of them can be had, as far as is known. */
  readonly topics: ReadonlyMap<string, RecoveryReason | undefined>;
}

interface TopicPlan {
  readonly missed: readonly (MissedPartition & { readonly done: bigint })[];
  readonly reason?: RecoveryReason;
}

/** Compares what a client is done with with what the log holds now. */
export class RecoveryPlanner {
  constructor(
    private readonly log: MessageLog,
    private readonly router: RecordRouter,
    private readonly options: GatewayOptions,
  ) {}

  /**
   * @param sameLog whether the client's epoch is ours; of another log's positions none means anything
   * @throws {LogUnavailableError} `log_unavailable`
   */
  async plan(positions: Positions, sameLog: boolean): Promise<RecoveryPlan> {
    const plans = await Promise.all(
      Object.entries(positions).map(
        async ([topic, wanted]) => [topic, sameLog ? await this.planTopic(topic, wanted) : EPOCH] as const,
      ),
    );
    const missed = plans.flatMap(([, plan]) => plan.missed);
    const from = new Map(missed.map(({ topic, partition, done }) => [`${topic}/${partition}`, done]));
    // Read after the last wait: what is routed from here on finds the session registered.
    for (const [topic, partition, offset] of this.router.routed()) {
      const key = `${topic}/${partition}`;
      if (!from.has(key)) from.set(key, offset);
    }
    return { from, missed, topics: new Map(plans.map(([topic, { reason }]) => [topic, reason])) };
  }

  private async planTopic(topic: string, wanted: Readonly<Record<string, string>>): Promise<TopicPlan> {
    const held = this.options.topics.includes(topic) ? await this.offsetsOf(topic) : undefined;
    if (!held) return { missed: [], reason: 'retention' }; // nothing of it can be had here
    const resumed = held.map((offsets) => ({ offsets, ...resume(offsets, wanted[offsets.partition]) }));
    const unknown = Object.keys(wanted).some((partition) => !held.some((one) => one.partition === Number(partition)));
    const reason = unknown ? 'future' : resumed.find((one) => one.reason)?.reason;
    const missed = resumed.flatMap(({ offsets: { partition, end }, done }) => {
      if (done === undefined) return [];
      const eventsFrom = end - BigInt(this.options.limits.replay);
      return { topic, partition, done, end, eventsFrom };
    });
    return { missed, reason };
  }

  /** What the log holds of a topic now; undefined where somebody deleted it. */
  private async offsetsOf(topic: string): Promise<PartitionOffsets[] | undefined> {
    try {
      return await this.log.offsets(topic);
    } catch (error) {
      if (error instanceof MissingTopicsError) return undefined;
      throw error;
    }
  }
}

const EPOCH: TopicPlan = { missed: [], reason: 'epoch' };

/** Where a partition is taken up again; `done` undefined: nothing is replayed there. */
function resume(held: PartitionOffsets, position: string | undefined): { done?: bigint; reason?: RecoveryReason } {
  // Not named, in a topic that is: it was added while the client was away, so all of it is new to the client.
  if (position === undefined) return { done: held.start - 1n };
  const done = BigInt(position);
  if (done >= held.end) return { reason: 'future' };
  if (done + 1n < held.start) return { done: held.start - 1n, reason: 'retention' };
  return { done };
}
