import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { atMost } from '../../log/at-most.js';
import type { Assignment, GroupMember, MessageLog } from '../../log/message.log.js';
import type { LogRecord, RecordBatch } from '../../message/record.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import type { HandlerRegistry } from '../declaration/handler.registry.js';
import { endOf } from '../partition.end.js';
import { AnsweredRequests } from '../retry/answered.requests.js';
import { AttemptLedger } from '../retry/attempt.ledger.js';
import { until } from '../retry/later.js';
import { retryTopics } from '../retry/retry.topic.js';
import { RetryTwins } from '../retry/retry.twins.js';
import { HandlingAbortedError } from '../service.errors.js';
import type { ServiceOptions } from '../service.options.js';
import { CommitWatermark } from './commit.watermark.js';
import type { PartitionProgress } from './dispatch.lag.js';
import { OrderedQueue, type Rest } from './ordered.queue.js';
import { OwnedPartition } from './owned.partition.js';
import { LostPartitions, type PartitionMemory } from './partition.memory.js';
import { type JudgingClock, RecordAges } from './record.ages.js';
import { type Owned, type Processors, RecordIntake, type Task } from './record.intake.js';
import { RedeliveryGuard } from './redelivery.guard.js';

/** How long a handler that heeds its signal may take to end, and to give its claim back, in milliseconds. */
const LAST_WORDS = 500;

/**
 * Takes records off the log, and sees to it that those which are ours are handled: of one key one after the other, of different keys
 * side by side.
 */
export class RecordDispatcher implements GroupMember {
  private readonly logger = new Logger('KafkaSocketService');
  private readonly owned = new Map<Assignment, Owned>();
  private readonly lost: LostPartitions;
  private readonly ages: RecordAges;
  private readonly queue: OrderedQueue;
  private readonly intake: RecordIntake;
  private readonly crowding = new SparingLog(this.logger);
  private stopping = false;

  constructor(
    private readonly registry: HandlerRegistry,
    private readonly log: MessageLog,
    processors: Processors,
    private readonly options: ServiceOptions,
    private readonly clock: JudgingClock,
  ) {
    this.queue = new OrderedQueue(options.concurrency);
    const answered = new AnsweredRequests(log, options, () => clock.now());
    this.intake = new RecordIntake(registry, processors, answered);
    this.lost = new LostPartitions(() => clock.now());
    this.ages = new RecordAges(clock, (message) => this.logger.warn(message));
  }

  /** How far the partitions are finished that are ours now. */
  get progress(): PartitionProgress[] {
    return [...this.owned.values()].map(({ partition }) => partition.progress);
  }

  async assigned(assignment: Assignment): Promise<void> {
    const end = await endOf(this.log, assignment);
    const memory = this.lost.recall(assignment, end) ?? this.newMemory(assignment);
    try {
      await memory.guard.readBack(this.log, assignment);
      await memory.twins?.readBack(this.log, assignment);
    } finally {
      // Ours only from here on: when the reading failed we are asked again, or the partition has gone already.
      this.lost.keep(assignment, memory);
    }
    if (assignment.signal.aborted || this.stopping) return;
    const { maxUncommitted } = this.options;
    memory.ledger.learn(assignment.note, assignment.position);
    const partition = new OwnedPartition(assignment, memory.watermark, maxUncommitted, memory.ledger);
    this.owned.set(assignment, { partition, memory, end });
    assignment.signal.addEventListener('abort', () => this.lose(assignment, memory), { once: true });
  }

  batch(assignment: Assignment, { records, next }: RecordBatch): void {
    const owned = this.owned.get(assignment);
    if (!owned || this.stopping) return;
    const youngest = records.at(-1);
    if (youngest && youngest.offset >= owned.end) this.ages.note(youngest);
    for (const record of records) this.take(record, owned);
    owned.partition.passed(next);
  }

  /**
   * Takes nothing more, and waits for what runs and for its outcomes.
   * @param limit milliseconds; what runs longer has its signal aborted, and is left to whoever reads it again
   */
  async stop(limit: number): Promise<void> {
    this.stopping = true;
    for (const { partition } of this.owned.values()) partition.close();
    const idle = this.queue.stop();
    await atMost(limit, idle);
    for (const { partition } of this.owned.values()) {
      partition.commit();
      partition.abort(new HandlingAbortedError('shutdown'));
    }
    this.owned.clear();
    // What was interrupted gives its claim in the inbox back, else its next owner waits for the end of the lease.
    await atMost(LAST_WORDS, idle);
  }

  private newMemory({ topic, partition, position }: Assignment): PartitionMemory {
    const now = () => this.clock.now();
    const guard = new RedeliveryGuard(this.registry, this.options, now);
    const ledger = new AttemptLedger((count) =>
      this.crowding.warn(
        `The attempts at ${count} records of ${topic}/${partition} have no room in the note of its commits. After a crash they are counted from 1 again.`,
      ),
    );
    const twins = retryTopics(this.options.name).includes(topic) ? new RetryTwins(this.options, now) : undefined;
    return { guard, watermark: new CommitWatermark(position), ledger, ...(twins && { twins }) };
  }

  private lose(assignment: Assignment, memory: PartitionMemory): void {
    this.owned.delete(assignment);
    this.lost.keep(assignment, memory);
  }

  private take(record: LogRecord, owned: Owned): void {
    const { partition } = owned;
    if (partition.hasRead(record.offset)) return;
    const task = this.intake.taskOf(record, owned);
    if (!task) return; // passed by
    partition.begin(record.offset);
    this.queue.add(task.lane, () => this.work(record, partition, task.handle));
  }

  private async work(record: LogRecord, partition: OwnedPartition, handle: Task['handle']): Promise<Rest | undefined> {
    const { offset, ...at } = record;
    const { signal } = partition;
    if (signal.aborted) return undefined;
    try {
      const later = partition.hasEnded(offset) ? undefined : await handle(signal);
      if (later) {
        const over = until(later.due, () => this.clock.now(), signal);
        return { over, job: () => this.work(record, partition, handle) };
      }
      partition.finish(offset);
    } catch (error) {
      // Lost partitions end here every day. Anything else is a fault of ours: the record stays uncommitted, and is read again.
      if (signal.aborted) return undefined;
      this.logger.error(
        `${at.topic}/${at.partition}@${offset} is not finished and will be read again after a restart: ${messageOf(error)}`,
        error instanceof Error ? error.stack : undefined,
      );
    }
    return undefined;
  }
}
