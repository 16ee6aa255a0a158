import type { Logger } from '@nestjs/common';
import type { Consumer, ConsumerCrashEvent, EachBatchPayload, InstrumentationEvent } from 'kafkajs';
import { messageOf } from '../../kafka-socket.error.js';
import type { LogTroubles } from '../log.troubles.js';
import type { GroupMember, Subscription } from '../message.log.js';
import type { TopicPartition } from '../partition.dealer.js';
import { abortable } from '../abortable.js';
import { atMost } from '../at-most.js';
import { Backoff } from './backoff.js';
import { leaveGroup } from './group.departure.js';
import { GroupGeneration } from './group.generation.js';
import type { KafkaAssignment } from './kafka.assignment.js';
import type { KafkaClient } from './kafka.client.js';
import { rootOf, unavailable } from './kafka.failure.js';
import { recordBatchOf } from './kafka.records.js';
import type { RawBatch } from './kafkajs.internals.js';
import { type CommitOffsets, OffsetCommitter } from './offset.committer.js';
import type { ReadingCluster } from './reading.cluster.js';

/** Longest pause between two heartbeats, in milliseconds: so long it takes until members learn of a rebalance. */
const HEARTBEAT = 1_000;
/** How long a consumer may take to leave and hang up, in milliseconds, and the last commit before it. */
const LEAVE_LIMIT = 3_000;
/** How long joining for the first time may fail, in milliseconds: a new cluster makes its coordinator on demand. */
const PATIENCE = 10_000;
/** How long records wait for their partition to be taken before it is paused, in milliseconds: the broker's others wait as well. */
const TAKING = 100;
/**
 * Partitions that are handed over side by side. kafkajs wakes as many workers with each fetch, however few partitions came, at two
 * promises and more each: with a thousand a fetch costs more than the records in it. Handing over takes no time but for the first
 * wait of a generation, which is one wait for all, and for what retention took.
 */
const CONCURRENTLY = 8;

/** What kafkajs says of a batch; where compaction left nothing of it, it has no first offset. */
interface PassedBatch extends TopicPartition {
  readonly firstOffset: string | null;
  readonly lastOffset: string;
}

/**
 * A member of a group. kafkajs' consumer does the talking; a consumer that crashes, whatever the reason, is replaced by another
 * one. kafkajs restarts by itself only after some errors, and is silent after the others.
 */
export class KafkaGroup implements Subscription {
  private readonly stopping = new AbortController();
  private readonly part: string;
  private generation?: GroupGeneration;
  private running: Promise<void> = Promise.resolve();
  private commit?: CommitOffsets;
  /** Whom the coordinator took us for last. */
  private memberId?: string;

  constructor(
    private readonly name: string,
    private readonly topics: readonly string[],
    private readonly member: GroupMember,
    private readonly client: KafkaClient,
    private readonly cluster: ReadingCluster,
    private readonly troubles: LogTroubles,
    private readonly logger: Logger,
  ) {
    this.part = `group ${name}`;
  }

  /** Resolves when the group was joined, or when it is stopped before. @throws as {@link MessageLog.consume} */
  async join(): Promise<void> {
    await this.cluster.know(this.topics);
    await this.start();
  }

  async stop(): Promise<void> {
    if (this.generation) await atMost(LEAVE_LIMIT, this.generation.committer.flush());
    this.stopping.abort();
    await this.running;
    this.troubles.forget(this.part);
  }

  private async start(): Promise<void> {
    const giveUp = performance.now() + PATIENCE;
    const problem = await new Promise<unknown>((resolve) => {
      this.running = this.run(
        () => resolve(undefined),
        (error) => {
          if (performance.now() > giveUp) resolve(error);
        },
      );
      void this.running.then(() => resolve(undefined));
    });
    if (problem === undefined) return;
    await this.stop();
    throw unavailable(`joining group ${this.name}`, this.client.options.brokers, problem);
  }

  private async run(onJoin: () => void, onProblem: (error: unknown) => void): Promise<void> {
    const { signal } = this.stopping;
    const backoff = new Backoff();
    let joined = false;
    const firstJoin = (): void => {
      joined = true;
      onJoin();
    };
    while (!signal.aborted) {
      const problem = await this.session(firstJoin, () => {
        backoff.reset();
        this.troubles.clear(this.part);
      });
      if (signal.aborted) break;
      onProblem(problem);
      const reason = messageOf(rootOf(problem));
      // Before that it is told to whoever joins, in time: a new cluster makes its coordinator only now.
      if (joined)
        this.troubles.report(this.part, `Group ${this.name} is not read now, it will be joined again: ${reason}`);
      await backoff.pause(signal);
    }
  }

  /** One consumer, from its start until it crashes or is stopped. @returns why it ended */
  private async session(onJoin: () => void, onReading: () => void): Promise<unknown> {
    const staying = await this.leave();
    if (staying !== undefined || this.stopping.signal.aborted) return staying;
    const consumer = this.consumer();
    const ended = new AbortController();
    const over = this.listen(consumer, onJoin, ended.signal);
    whenReading(consumer, onReading);
    try {
      return await Promise.race([over, this.begin(consumer).then(() => over)]);
    } catch (error) {
      return error;
    } finally {
      ended.abort();
      this.lose(true);
      this.commit = undefined;
      await atMost(LEAVE_LIMIT + this.client.options.fetchWait, consumer.disconnect());
    }
  }

  /**
   * A consumer that lost its connections could not leave, and until its session ends the coordinator would let the group wait
   * for it: also the consumer that comes after it. So nobody joins before it has left, even where joining would work by now.
   * @returns why it could not
   */
  private async leave(): Promise<unknown> {
    const { memberId } = this;
    if (memberId === undefined) return undefined;
    try {
      await abortable([this.stopping.signal], () => leaveGroup(this.client, this.name, memberId));
      this.memberId = undefined;
      return undefined;
    } catch (error) {
      return error;
    }
  }

  private async begin(consumer: Consumer): Promise<void> {
    await consumer.connect();
    await consumer.subscribe({ topics: [...this.topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: CONCURRENTLY,
      eachBatch: (payload) => this.eachBatch(consumer, payload),
    });
  }

  private consumer(): Consumer {
    const { sessionTimeout, fetchWait, fetchBytes, metadataMaxAge } = this.client.options;
    return this.client.kafka.consumer({
      groupId: this.name,
      sessionTimeout,
      rebalanceTimeout: sessionTimeout,
      heartbeatInterval: Math.min(HEARTBEAT, Math.floor(sessionTimeout / 3)),
      maxWaitTimeInMs: fetchWait,
      maxBytesPerPartition: fetchBytes,
      metadataMaxAge,
      allowAutoTopicCreation: false,
      retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 2_000, restartOnFailure: () => Promise.resolve(false) },
    });
  }

  /** @returns what settles with the reason when it is over */
  private listen(consumer: Consumer, onJoin: () => void, ended: AbortSignal): Promise<unknown> {
    const { GROUP_JOIN, REBALANCING, CRASH, END_BATCH_PROCESS, RECEIVED_UNSUBSCRIBED_TOPICS } = consumer.events;
    consumer.on(GROUP_JOIN, ({ payload }) => {
      this.memberId = payload.memberId;
      this.assign(consumer, payload.memberAssignment);
      onJoin();
    });
    consumer.on(REBALANCING, () => this.lose(true));
    consumer.on(RECEIVED_UNSUBSCRIBED_TOPICS, ({ payload }) => this.warnOfTopics(payload.topicsNotSubscribed));
    consumer.on(END_BATCH_PROCESS, ({ payload }) => {
      if (payload.batchSize === 0) this.pass(consumer, payload);
    });
    return new Promise((resolve) => {
      consumer.on(CRASH, ({ payload }: InstrumentationEvent<ConsumerCrashEvent['payload']>) => {
        this.lose(false);
        resolve(payload.error);
      });
      this.stopping.signal.addEventListener('abort', () => resolve(undefined), { once: true, signal: ended });
    });
  }

  private assign(consumer: Consumer, assigned: Readonly<Record<string, readonly number[]>>): void {
    this.lose(false); // kafkajs may join anew without a word: the generation that we knew is over
    const committer = new OffsetCommitter(
      () => this.commit,
      (error) => this.logger.warn(`Group ${this.name} could not commit and will again: ${messageOf(error)}`),
    );
    const generation = new GroupGeneration(this.name, assigned, this.cluster, this.troubles, committer, {
      pause: ({ topic, partition }) => consumer.pause([{ topic, partitions: [partition] }]),
      resume: ({ topic, partition }) => consumer.resume([{ topic, partitions: [partition] }]),
      gone: (partition, committed, next) => this.warnOfGap(partition, committed, next),
    });
    this.generation = generation;
    // What was paused in the last generation would stay so.
    consumer.resume(Object.entries(assigned).map(([topic, partitions]) => ({ topic, partitions: [...partitions] })));
    generation.start(this.member);
  }

  private lose(flush: boolean): void {
    this.generation?.end(flush);
    this.generation = undefined;
  }

  /** Hands over what was fetched. What is not resolved is fetched again. */
  private async eachBatch(consumer: Consumer, payload: EachBatchPayload): Promise<void> {
    const batch = payload.batch as unknown as RawBatch;
    this.commit = (offsets) => payload.commitOffsetsIfNecessary(offsets);
    const assignment = await this.takenAssignment(batch);
    if (!assignment || assignment.signal.aborted || !(await this.continues(consumer, assignment, batch))) return;
    const records = recordBatchOf(batch, BigInt(batch.fetchedOffset));
    if (assignment.signal.aborted) return;
    this.member.batch(assignment, records); // where it throws, the same comes again
    assignment.expected = BigInt(payload.batch.lastOffset()) + 1n;
    payload.resolveOffset(batch.messages.at(-1)!.offset);
  }

  /**
   * Waits a moment until the member has taken the partition. What it reads first may take long, and kafkajs asks a broker for
   * nothing more until all that came of it is done with: so the partition is paused then, and fetched again once it is taken. The
   * moment is the generation's, or partitions that wait one behind the other would add theirs up.
   */
  private async takenAssignment({ topic, partition }: RawBatch): Promise<KafkaAssignment | undefined> {
    const generation = this.generation;
    const assignment = generation?.find(topic, partition);
    if (!generation || !assignment) return undefined;
    const isWaiting = (): boolean => !assignment.taken && !assignment.signal.aborted;
    while (isWaiting()) {
      const left = generation.patience(TAKING);
      if (left <= 0) {
        assignment.pause('taking');
        return undefined;
      }
      await atMost(left, generation.changed.wait());
    }
    return assignment;
  }

  /**
   * Whether a batch is what comes next. One that another fetcher of kafkajs had under way before a rebalance is not: handed over,
   * it would skip what was not committed.
   */
  private async continues(consumer: Consumer, assignment: KafkaAssignment, batch: RawBatch): Promise<boolean> {
    const fetched = BigInt(batch.fetchedOffset);
    if (fetched === assignment.expected) return true;
    const { topic, partition } = assignment;
    const offsets = await this.cluster.offsets(topic);
    const { start } = offsets.find((one) => one.partition === partition)!;
    if (assignment.expected < start && fetched >= start) {
      this.warnOfGap(assignment, assignment.expected, fetched);
      return true;
    }
    if (!assignment.signal.aborted) consumer.seek({ topic, partition, offset: assignment.expected.toString() });
    return false;
  }

  /**
   * kafkajs passes by what holds control and aborted records only, without handing it over. Where that begins behind what is
   * expected it may be of a fetch from before a rebalance: only what is fetched from there once more proves that nothing stands between.
   */
  private pass(consumer: Consumer, { topic, partition, firstOffset, lastOffset }: PassedBatch): void {
    const assignment = this.generation?.find(topic, partition);
    const next = BigInt(lastOffset) + 1n;
    if (!assignment?.taken || next <= assignment.expected) return;
    const { expected } = assignment;
    if (BigInt(firstOffset ?? lastOffset) > expected && assignment.sought !== expected) {
      assignment.sought = expected;
      return consumer.seek({ topic, partition, offset: expected.toString() });
    }
    assignment.expected = next;
    this.member.batch(assignment, { topic, partition, records: [], next });
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

/**
 * Calls back once every broker that a consumer fetches from has answered. To have joined proves nothing: a consumer that cannot
 * read what is there joins as well, and crashes right after.
 */
function whenReading(consumer: Consumer, onReading: () => void): void {
  const { FETCH_START, FETCH } = consumer.events;
  const silent = new Set<number>();
  const answered = new Set<number>();
  consumer.on(FETCH_START, ({ payload: { nodeId } }) => void (answered.has(nodeId) || silent.add(nodeId)));
  const stop = consumer.on(FETCH, ({ payload: { nodeId } }) => {
    answered.add(nodeId);
    silent.delete(nodeId);
    if (silent.size > 0) return;
    stop();
    onReading();
  });
}
