import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { messageOf } from '../kafka-socket.error.js';
import type { Assignment, GroupMember, MessageLog } from '../log/message.log.js';
import { decodeEnvelope, type MessageEnvelope } from '../message/cloud-events.codec.js';
import { messageTypeOf } from '../message/message.type.js';
import type { LogRecord, RecordBatch } from '../message/record.js';
import type { CommandProcessor } from './command.processor.js';
import type { DeadLetters } from './dead-letter.js';
import type { EventProcessor } from './event.processor.js';
import type { HandlerRegistry } from './handler.registry.js';
import type { Handler } from './handler.js';
import { OrderedQueue } from './ordered.queue.js';
import { OwnedPartition } from './owned.partition.js';
import { RedeliveryGuard } from './redelivery.guard.js';
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

/**
 * Takes records off the log, decides by their headers whether they are ours, and runs those that are: of one key one after
 * the other, of different keys side by side.
 */
export class RecordDispatcher implements GroupMember {
  private readonly logger = new Logger('KafkaSocketService');
  private readonly owned = new Map<Assignment, Owned>();
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
    const guard = new RedeliveryGuard(this.registry, this.options, this.now);
    await guard.readBack(this.log, assignment);
    if (assignment.signal.aborted || this.stopping) return;
    this.owned.set(assignment, { partition: new OwnedPartition(assignment, this.options.maxUncommitted), guard });
    assignment.signal.addEventListener('abort', () => this.owned.delete(assignment), { once: true });
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
  }

  private take(record: LogRecord, { partition, guard }: Owned): void {
    if (partition.hasRead(record.offset)) return;
    const type = messageTypeOf(record.headers);
    const handlers = type && this.registry.find(record.topic, type);
    guard.note(record);
    if (!handlers) return; // passed by
    const envelope = this.envelopeOf(record);
    if (!(envelope instanceof Error) && guard.isRepeated(envelope, record)) {
      this.logger.debug(
        `Sent again, and passed by: ${type.name} at ${record.topic}/${record.partition}@${record.offset}`,
      );
      return;
    }
    partition.begin(record.offset);
    this.queue.add(laneOf(record), async () => {
      if (partition.signal.aborted) return;
      try {
        await this.run(handlers, record, envelope, { partition, guard });
        partition.finish(record.offset);
      } catch (error) {
        this.abandoned(record, partition, error);
      }
    });
  }

  private async run(
    handlers: readonly Handler[],
    record: LogRecord,
    envelope: MessageEnvelope | Error,
    { partition: { signal }, guard }: Owned,
  ): Promise<void> {
    if (envelope instanceof Error) {
      return this.processors.deadLetters.add(record, { reason: 'undecodable', error: envelope, attempts: 1 }, signal);
    }
    const ending = guard.endingOf(envelope);
    const arrival = { record, envelope, signal, timedOut: ending === 'timeout' };
    if (envelope.type.kind === 'event') return this.processors.events.process(handlers, arrival);
    // Finished by the previous owner, who had no time left to commit it.
    if (ending === 'answered') return;
    return this.processors.commands.process(handlers[0]!, arrival);
  }

  private envelopeOf(record: LogRecord): MessageEnvelope | Error {
    try {
      return decodeEnvelope(record.headers);
    } catch (error) {
      return error as Error;
    }
  }

  /** Lost partitions end here every day. Anything else is a fault of ours: the record stays uncommitted, and is read again. */
  private abandoned({ topic, partition, offset }: LogRecord, { signal }: OwnedPartition, error: unknown): void {
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
function laneOf({ topic, partition, key }: LogRecord): string | undefined {
  return key === null ? undefined : `${topic}/${partition}/${key.toString('latin1')}`;
}
