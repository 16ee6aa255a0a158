import type { LogPosition, OutgoingRecord, RecordBatch } from '../message/record.js';

/** The offsets that a partition holds. */
export interface PartitionOffsets {
  readonly partition: number;
  /** First offset that is still there. */
  readonly start: bigint;
  /**
   * Where readers are at the end: the offset of the next record that will be written, or of the first one that a transaction
   * still holds back.
   */
  readonly end: bigint;
}

/** Bytes that a commit's note may have: what brokers take by default (`offset.metadata.max.bytes`). */
export const MAX_NOTE_BYTES = 4_096;

/** A partition that a group gave to this member, until it is revoked. */
export interface Assignment {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first record that will be handed over: the committed one, or the partition's start. */
  readonly position: bigint;
  /** What was noted with the commit that {@link position} comes from, by whomever; undefined where there is nothing. */
  readonly note?: string | undefined;
  /** Aborts when the partition is lost: to a rebalance, or because the subscription stops. */
  readonly signal: AbortSignal;
  /**
   * Notes, in the background, that all below `next` is finished. Never goes back, and does nothing once the partition
   * is lost: kafkajs would overwrite the next owner's commit.
   * @param note what the partition's next owner is told as {@link note}, at most {@link MAX_NOTE_BYTES}; each commit replaces it,
   * also one of the same offset. Where the brokers take no notes they are left out, and a line in the log says so.
   */
  commit(next: bigint, note?: string): void;
  /**
   * Sends what was committed so far, at once. Resolves when the log has it, or could not be told now; it is sent again then, as
   * ever. At once where the partition is lost.
   */
  flush(): Promise<void>;
  /** Stops fetching this partition; what is already on its way still arrives. */
  pause(): void;
  /** Goes on after {@link pause}. */
  resume(): void;
}

/** What a member of a group does with its partitions. */
export interface GroupMember {
  /**
   * A partition is ours. Awaited before its first record comes. When it rejects, {@link MessageLog.trouble} says why, and it is
   * called again with the same assignment after a second.
   */
  assigned(assignment: Assignment): Promise<void>;
  /** Records in offset order. Takes them and returns at once: whoever waits here makes every other partition wait. */
  batch(assignment: Assignment, batch: RecordBatch): void;
}

/** A running reader. */
export interface Subscription {
  /** Stops reading; for a group: sends what was committed, then leaves. Safe to call twice. */
  stop(): Promise<void>;
}

/** Where and how a reader of all partitions reads. */
export interface TailOptions {
  readonly topics: readonly string[];
  /**
   * Reading starts at the first record written at or after this time (milliseconds since the epoch) in every partition
   * that exists now. Partitions that are found later are read from their start.
   */
  readonly since: number;
  /**
   * Records of one partition in offset order; what it returns is awaited before that partition is read on. When it fails,
   * {@link MessageLog.trouble} says why, and it is called again with the same records after a second.
   */
  readonly onBatch: (batch: RecordBatch) => void | Promise<void>;
  /** Told, between two batches, of what retention took before it could be read. Reading goes on behind it. */
  readonly onLost?: (gap: LogRange) => void;
}

/** A reader of all partitions, without a group, that keeps its own positions. */
export interface Tail extends Subscription {
  /** Resolves once all that was in the log when the reader started has been read. Rejects when it stops before. */
  readonly caughtUp: Promise<void>;
}

/** A stretch of one partition. */
export interface LogRange {
  readonly topic: string;
  readonly partition: number;
  /** First offset wanted. */
  readonly from: bigint;
  /** First offset no longer wanted. */
  readonly to: bigint;
  /** Bytes that a batch should not exceed by much, which bounds how long decoding it takes. Left out: what suits the log. */
  readonly bytes?: number;
}

/**
 * The log that all messages go through. The core knows only this; adapters implement it, and one contract suite runs
 * against each of them.
 */
export interface MessageLog {
  /** Names the log: positions of one are worthless in another. Known once connected. */
  readonly clusterId: string;
  /**
   * Reaches the brokers, once.
   * @throws {LogUnavailableError} `log_unavailable`: nobody answered; try again
   */
  connect(): Promise<void>;
  /** Sends what is queued (bounded), stops every subscription, and hangs up. Safe to call twice. */
  close(): Promise<void>;
  /** Why the log cannot be used now; undefined while it can. */
  readonly trouble: string | undefined;
  /**
   * Makes sure that topics exist.
   * @throws {MissingTopicsError} `topics_missing`: some do not, and the options forbid to create them
   */
  ensureTopics(topics: readonly string[]): Promise<void>;
  /**
   * The partition that a key belongs to, as every Kafka client computes it.
   * @throws {LogUnavailableError} `log_unavailable`
   * @throws {MissingTopicsError} `topics_missing`
   */
  partitionFor(topic: string, key: string): Promise<number>;
  /**
   * Writes a record; resolves with its place once all in-sync replicas have it.
   * @throws {LogUnavailableError} `log_unavailable`; its `sent` says whether a broker may have taken the record all the same
   * @throws {RecordRefusedError} `record_refused`: the brokers will never take it, for example because it is too large
   * @throws {MissingTopicsError} `topics_missing`
   */
  publish(record: OutgoingRecord): Promise<LogPosition>;
  /**
   * What each partition of a topic holds now, asked afresh, in the order of their numbers.
   * @param partitions asks for no others, so that it does not matter whether these are in reach; one that is not there is left out.
   * Without it: all
   * @throws {LogUnavailableError} `log_unavailable`
   * @throws {MissingTopicsError} `topics_missing`
   */
  offsets(topic: string, partitions?: readonly number[]): Promise<PartitionOffsets[]>;
  /**
   * For each partition the first offset written at or after a time; the end where there is none.
   * @param partitions as for {@link offsets}
   * @throws {LogUnavailableError} `log_unavailable`
   * @throws {MissingTopicsError} `topics_missing`
   */
  offsetsAt(topic: string, timestamp: number, partitions?: readonly number[]): Promise<ReadonlyMap<number, bigint>>;
  /**
   * Reads topics as a member of a group: each partition goes to one member. Starts at the oldest record of a partition that was
   * never committed. Resolves once the group was joined; from then on it rejoins by itself, and {@link trouble} says when it cannot.
   * @param signal gives up joining: it throws the signal's reason at once; without meaning once the group was joined
   * @throws {LogUnavailableError} `log_unavailable`
   * @throws {MissingTopicsError} `topics_missing`
   */
  consume(group: string, topics: readonly string[], member: GroupMember, signal?: AbortSignal): Promise<Subscription>;
  /**
   * Reads all partitions of topics, alone.
   * @throws {LogUnavailableError} `log_unavailable`: only now; once it runs it goes on by itself, and {@link trouble} says when it cannot
   * @throws {MissingTopicsError} `topics_missing`
   */
  tail(options: TailOptions): Promise<Tail>;
  /**
   * Reads a stretch of a partition. Ends when its last offset is passed, whether or not a record stands there, and waits for
   * what is not written yet; starts at the oldest record where retention has taken the beginning.
   * @param signal ends it early: it throws the signal's reason
   * @throws {LogUnavailableError} `log_unavailable`
   * @throws {MissingTopicsError} `topics_missing`
   */
  read(range: LogRange, signal?: AbortSignal): AsyncIterable<RecordBatch>;
}
