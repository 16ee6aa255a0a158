import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { messageOf } from '../kafka-socket.error.js';
import type { Assignment, GroupMember, MessageLog } from '../log/message.log.js';
import { decodeEnvelope, type MessageEnvelope } from '../message/cloud-events.codec.js';
import { messageTypeOf } from '../message/message.type.js';
import type { LogPosition, LogRecord, RecordBatch } from '../message/record.js';
import type { Arrival } from './arrival.js';
import type { CommandProcessor } from './command.processor.js';
import type { DeadLetters } from './dead-letter.js';
import type { EventProcessor } from './event.processor.js';
import type { HandlerRegistry } from './handler.registry.js';
import type { Handler } from './handler.js';
import { OrderedQueue } from './ordered.queue.js';
import { OwnedPartition } from './owned.partition.js';
import { commandIdentity, RedeliveryGuard } from './redelivery.guard.js';
import { HandlingAbortedError } from './service.errors.js';
import type { ServiceOptions } from './service.options.js';

/** What a dispatcher hands records to. */
export interface Processors {
  readonly commands: Pick<CommandProcessor, 'process'>;
  readonly events: Pick<EventProcessor, 'process'>;
  readonly deadLetters: Pick<DeadLetters, 'add'>;
}

interface Owned {
  readonly partition: OwnedPartition;
  readonly guard: RedeliveryGuard;
}

interface Lost {
  readonly guard: RedeliveryGuard;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * How long what is known of a lost partition is kept, in milliseconds. Whenever an instance comes or goes all partitions are
 * dealt anew, and most come back at once; then only what was written meanwhile must be read back.
 */
const MEMORY_OF_LOST = 60_000;

/**
 * Takes records off the log, decides by their headers whether they are ours, and runs those that are: of one key one after
 * the other, of different keys side by side.
 */
export class RecordDispatcher implements GroupMember {
  private readonly logger = new Logger('KafkaSocketService');
  private readonly owned = new Map<Assignment, Owned>();
  private readonly lost = new Map<string, Lost>();
  private readonly queue: OrderedQueue;
  private stopping = false;

  /** @param now milliseconds since the epoch */
  constructor(
    private readonly registry: HandlerRegistry,
    private readonly log: MessageLog,
    private readonly processors: Processors,
    private readonly options: ServiceOptions,
    private readonly now: () => number,
  ) {
    this.queue = new OrderedQueue(options.concurrency);
  }

  async assigned(assignment: Assignment): Promise<void> {
    const guard = this.recall(assignment) ?? new RedeliveryGuard(this.registry, this.options, this.now);
    assignment.signal.addEventListener('abort', () => this.lose(assignment, guard), { once: true });
    await guard.readBack(this.log, assignment);
    if (assignment.signal.aborted || this.stopping) return;
    this.owned.set(assignment, { partition: new OwnedPartition(assignment, this.options.maxUncommitted), guard });
  }

  batch(assignment: Assignment, { records, next }: RecordBatch): void {
    const owned = this.owned.get(assignment);
    if (!owned || this.stopping) return;
    for (const record of records) this.take(record, owned);
    owned.partition.passed(next);
  }

  /**
   * Takes nothing more, and waits for what runs and for its outcomes.
   * @param limit milliseconds; what runs longer has its signal aborted, and is left to whoever reads it again
   */
  async stop(limit: number): Promise<void> {
    this.stopping = true;
    const late = new AbortController();
    await Promise.race([this.queue.stop(), sleep(limit, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    for (const { partition } of this.owned.values()) {
      partition.commit();
      partition.abort(new HandlingAbortedError('shutdown'));
    }
    this.owned.clear();
    this.lost.clear();
  }

  private lose(assignment: Assignment, guard: RedeliveryGuard): void {
    this.owned.delete(assignment);
    this.lost.set(nameOf(assignment), { guard, at: this.now() });
  }

  private recall(assignment: Assignment): RedeliveryGuard | undefined {
    for (const [name, { at }] of this.lost) if (this.now() - at > MEMORY_OF_LOST) this.lost.delete(name);
    const name = nameOf(assignment);
    const lost = this.lost.get(name);
    this.lost.delete(name);
    return lost?.guard;
  }

  private take(record: LogRecord, { partition, guard }: Owned): void {
    if (partition.hasRead(record.offset)) return;
    const type = messageTypeOf(record.headers);
    if (type?.kind === 'result') guard.noteResult(record, type);
    const handlers = type && this.registry.find(record.topic, type);
    if (!handlers) return; // passed by
    const envelope = this.envelopeOf(record);
    const identity = type.kind === 'event' || envelope instanceof Error ? undefined : commandIdentity(envelope);
    if (!guard.admits(identity, record.offset)) return; // sent again
    partition.begin(record.offset);
    const { signal } = partition;
    this.queue.add(laneOf(record), async () => {
      if (signal.aborted) return;
      try {
        const ending = guard.endingOf(identity);
        if (envelope instanceof Error) await this.bury(record, envelope, signal);
        // What is answered was finished by the previous owner, who had no time left to commit it.
        else if (ending !== 'answered') {
          await this.run(handlers, { record, envelope, signal, timedOut: ending === 'timeout' });
        }
        partition.finish(record.offset);
      } catch (error) {
        this.abandoned(record, signal, error);
      }
    });
  }

  private run(handlers: readonly Handler[], arrival: Arrival): Promise<void> {
    const { commands, events } = this.processors;
    if (arrival.envelope.type.kind === 'event') return events.process(handlers, arrival);
    return commands.process(handlers[0]!, arrival);
  }

  private bury(record: LogRecord, error: Error, signal: AbortSignal): Promise<void> {
    return this.processors.deadLetters.add(record, { reason: 'undecodable', error, attempts: 1 }, signal);
  }

  private envelopeOf(record: LogRecord): MessageEnvelope | Error {
    try {
      return decodeEnvelope(record.headers);
    } catch (error) {
      return error as Error;
    }
  }

  /** Lost partitions end here every day. Anything else is a fault of ours: the record stays uncommitted, and is read again. */
  private abandoned({ topic, partition, offset }: LogRecord, signal: AbortSignal, error: unknown): void {
    if (signal.aborted) return;
    this.logger.error(
      `${topic}/${partition}@${offset} is not finished and will be read again after a restart: ${messageOf(error)}`,
      error instanceof Error ? error.stack : undefined,
    );
  }
}

/**
 * What must stay in order: the records of one key. A key keeps its lane when the partition is lost and comes back, so that a
 * handler which is still at work, deaf to its signal, is never joined by another one for the same key.
 */
function laneOf(record: LogRecord): string | undefined {
  const { key } = record;
  return key === null ? undefined : `${nameOf(record)}/${key.toString('latin1')}`;
}

function nameOf({ topic, partition }: Pick<LogPosition, 'topic' | 'partition'>): string {
  return `${topic}/${partition}`;
}
