import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { atMost } from '../../log/at-most.js';
import type { Assignment, GroupMember, MessageLog } from '../../log/message.log.js';
import { decodeEnvelope, type MessageEnvelope } from '../../message/cloud-events.codec.js';
import { DEAD_LETTER_HEADERS } from '../../message/dead-letter.headers.js';
import { type MessageType, messageTypeOf } from '../../message/message.type.js';
import type { LogRecord, RecordBatch } from '../../message/record.js';
import type { Arrival } from './arrival.js';
import type { CommandProcessor } from '../handling/command.processor.js';
import { CommitWatermark } from './commit.watermark.js';
import type { PartitionProgress } from './dispatch.lag.js';
import type { DeadLetters } from '../publishing/dead-letter.js';
import type { EventProcessor } from '../handling/event.processor.js';
import type { LateProcessor } from '../handling/late.processor.js';
import type { HandlerRegistry } from '../declaration/handler.registry.js';
import type { Handler } from '../declaration/handler.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import { AttemptLedger } from '../retry/attempt.ledger.js';
import { type Later, until } from '../retry/later.js';
import { retriedOf, retryTopics } from '../retry/retry.topic.js';
import { RetryTwins } from '../retry/retry.twins.js';
import { OrderedQueue, type Rest } from './ordered.queue.js';
import { OwnedPartition } from './owned.partition.js';
import { endOf } from '../partition.end.js';
import { LostPartitions, type PartitionMemory } from './partition.memory.js';
import { type JudgingClock, RecordAges } from './record.ages.js';
import { RedeliveryGuard, repeatedIdentity } from './redelivery.guard.js';
import { HandlingAbortedError } from '../service.errors.js';
import type { ServiceOptions } from '../service.options.js';
import { passing } from '../../tracing/process.span.js';

/** How long a handler that heeds its signal may take to end, and to give its claim back, in milliseconds. */
const LAST_WORDS = 500;

/** What a dispatcher hands records to. */
export interface Processors {
  readonly commands: Pick<CommandProcessor, 'process'>;
  readonly events: Pick<EventProcessor, 'process'>;
  readonly lates: Pick<LateProcessor, 'process' | 'count'>;
  readonly deadLetters: Pick<DeadLetters, 'add'>;
}

interface Owned {
  readonly partition: OwnedPartition;
  readonly memory: PartitionMemory;
  /** Where the partition ended when it became ours. */
  readonly end: bigint;
  /** What lies below it may have been begun by the owner before. */
  readonly begunBelow: bigint;
}

/**
 * Takes records off the log, decides by their headers whether they are ours, and runs those that are: of one key one after
 * the other, of different keys side by side.
 */
export class RecordDispatcher implements GroupMember {
  private readonly logger = new Logger('KafkaSocketService');
  private readonly owned = new Map<Assignment, Owned>();
  private readonly lost: LostPartitions;
  private readonly ages: RecordAges;
  private readonly queue: OrderedQueue;
  private readonly retryTopics: ReadonlySet<string>;
  private readonly crowding = new SparingLog(this.logger);
  private stopping = false;

  constructor(
    private readonly registry: HandlerRegistry,
    private readonly log: MessageLog,
    private readonly processors: Processors,
    private readonly options: ServiceOptions,
    private readonly clock: JudgingClock,
  ) {
    this.queue = new OrderedQueue(options.concurrency);
    this.retryTopics = new Set(retryTopics(options.name));
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
    const reach = assignment.position + BigInt(maxUncommitted);
    this.owned.set(assignment, { partition, memory, end, begunBelow: reach < end ? reach : end });
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
    const twins = this.retryTopics.has(topic) ? new RetryTwins(this.options, now) : undefined;
    return { guard, watermark: new CommitWatermark(position), ledger, ...(twins && { twins }) };
  }

  private lose(assignment: Assignment, memory: PartitionMemory): void {
    this.owned.delete(assignment);
    this.lost.keep(assignment, memory);
  }

  private take(record: LogRecord, owned: Owned): void {
    const { partition, memory } = owned;
    const { guard } = memory;
    if (partition.hasRead(record.offset)) return;
    if (memory.twins) return this.takeRetried(record, owned, memory.twins);
    const type = messageTypeOf(record.headers);
    if (type?.kind === 'result') return this.takeResult(record, type, owned);
    const handlers = type && this.registry.find(record.topic, type);
    if (!handlers) return; // passed by
    const envelope = this.envelopeOf(record);
    const identity =
      type.kind === 'event' || envelope instanceof Error ? undefined : repeatedIdentity(envelope, record.headers);
    if (!guard.admits(identity, record.offset)) return; // sent again
    partition.begin(record.offset);
    const book = partition.bookOf(record.offset, record.offset < owned.begunBelow);
    this.add(record, partition, handlers, (left, signal) => {
      const ending = guard.endingOf(identity);
      if (envelope instanceof Error) return this.bury(record, envelope, signal);
      return this.run(left, { record, envelope, signal, ending, book });
    });
  }

  /** A record that was put aside: it is handled as if it was read where it came from, but in no order. */
  private takeRetried(waiting: LogRecord, { partition, begunBelow }: Owned, twins: RetryTwins): void {
    const retried = retriedOf(waiting);
    if (!retried || !twins.admits(retried.name, waiting.offset)) return;
    const { record, handler, attempts } = retried;
    const type = messageTypeOf(record.headers);
    const found = (type && this.registry.find(record.topic, type)) ?? [];
    const handlers = found.filter(({ kind, label }) => kind === 'command' || label === handler);
    const envelope = this.envelopeOf(record);
    const book = partition.bookOf(waiting.offset, waiting.offset < begunBelow, retried);
    partition.begin(waiting.offset);
    this.add(waiting, partition, handlers, (left, signal) => {
      if (envelope instanceof Error) return this.bury(record, envelope, signal);
      if (left.length === 0) return this.orphan(record, handler, attempts, signal);
      return this.run(left, { record, envelope, signal, book });
    });
  }

  private add(
    record: LogRecord,
    partition: OwnedPartition,
    handlers: readonly Handler[],
    handle: (handlers: readonly Handler[], signal: AbortSignal) => Promise<Later | undefined>,
  ): void {
    let left = handlers;
    this.queue.add(laneOf(record, this.retryTopics), () =>
      this.work(record, partition, async (signal) => {
        const later = await handle(left, signal);
        left = later?.handlers ?? left;
        return later;
      }),
    );
  }

  /** An answer that came too late is told to the handler that gave it; all other results are passed by. */
  private takeResult(record: LogRecord, type: MessageType, { partition, memory: { guard } }: Owned): void {
    const isReplay = record.headers[DEAD_LETTER_HEADERS.replays] !== undefined; // it was late once, and told in vain
    const standing = isReplay ? 'late' : guard.noteResult(record, type);
    if (standing === undefined || standing === 'first') return;
    const [command] = this.registry.find(record.topic, { kind: 'command', name: type.name }) ?? [];
    if (!command?.late) return standing === 'late' && command ? this.processors.lates.count(command) : undefined;
    const envelope = this.envelopeOf(record);
    if (envelope instanceof Error) return;
    const { late } = command;
    partition.begin(record.offset);
    this.queue.add(laneOf(record), () =>
      this.work(record, partition, (signal) =>
        this.processors.lates.process(late, { record, envelope, signal }, standing),
      ),
    );
  }

  private async work(
    record: LogRecord,
    partition: OwnedPartition,
    handle: (signal: AbortSignal) => Promise<Later | undefined | void>,
  ): Promise<Rest | undefined> {
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

  private run(handlers: readonly Handler[], arrival: Arrival): Promise<Later | undefined> {
    const { commands, events } = this.processors;
    if (arrival.envelope.type.kind === 'event') return events.process(handlers, arrival);
    return commands.process(handlers[0]!, arrival);
  }

  private async bury(record: LogRecord, error: Error, signal: AbortSignal): Promise<undefined> {
    await passing(record, () =>
      this.processors.deadLetters.add(record, { reason: 'undecodable', error, attempts: 1 }, signal),
    );
  }

  /** It waited for a method that is gone: nobody else would ever look at it again. */
  private async orphan(record: LogRecord, handler: string, attempts: number, signal: AbortSignal): Promise<undefined> {
    const error = new Error(`${handler}, which was to try it again, is not there any more.`);
    const remarks = { reason: 'failed', error, attempts, handler } as const;
    await passing(record, () => this.processors.deadLetters.add(record, remarks, signal));
  }

  private envelopeOf(record: LogRecord): MessageEnvelope | Error {
    try {
      return decodeEnvelope(record.headers);
    } catch (error) {
      return error as Error;
    }
  }
}

/**
 * What must stay in order: the records of one key; one without a key, or of an unordered topic, only itself. It keeps its lane when the partition is lost
 * and comes back, so that a handler which is still at work is never joined by another one for the same key or record.
 */
function laneOf({ topic, partition, offset, key }: LogRecord, unordered?: ReadonlySet<string>): string {
  const isAlone = key === null || unordered?.has(topic);
  return `${topic}/${partition}/${isAlone ? `@${offset}` : `=${key.toString('latin1')}`}`;
}
