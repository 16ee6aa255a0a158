import { decodeEnvelope, type MessageEnvelope } from '../../message/cloud-events.codec.js';
import { DEAD_LETTER_HEADERS } from '../../message/dead-letter.headers.js';
import { type MessageType, messageTypeOf } from '../../message/message.type.js';
import { copyOf } from '../../message/record.copy.js';
import type { LogRecord } from '../../message/record.js';
import type { Handler } from '../declaration/handler.js';
import type { HandlerRegistry } from '../declaration/handler.registry.js';
import type { CommandProcessor } from '../handling/command.processor.js';
import type { EventProcessor } from '../handling/event.processor.js';
import type { LateProcessor } from '../handling/late.processor.js';
import type { DeadLetters } from '../publishing/dead-letter.js';
import type { AnsweredRequests } from '../retry/answered.requests.js';
import type { Later } from '../retry/later.js';
import { retriedOf } from '../retry/retry.topic.js';
import type { RetryTwins } from '../retry/retry.twins.js';
import { passing } from '../../tracing/process.span.js';
import type { Arrival } from './arrival.js';
import type { OwnedPartition } from './owned.partition.js';
import type { PartitionMemory } from './partition.memory.js';
import { repeatedIdentity } from './redelivery.guard.js';

/** Who handles records, and what becomes of those that nobody can. */
export interface Processors {
  readonly commands: Pick<CommandProcessor, 'process'>;
  readonly events: Pick<EventProcessor, 'process'>;
  readonly lates: Pick<LateProcessor, 'process' | 'count'>;
  readonly deadLetters: Pick<DeadLetters, 'add'>;
}

/** A partition that is ours. */
export interface Owned {
  readonly partition: OwnedPartition;
  readonly memory: PartitionMemory;
  /** Where it ended when it became ours: what lies below may have been begun by the owner before. */
  readonly end: bigint;
}

/** What is to be done about a record. */
export interface Task {
  /** Tasks of one lane are done one after the other. */
  readonly lane: string;
  /** Resolves when the record may be committed, or with when it is to be handled again. */
  readonly handle: (signal: AbortSignal) => Promise<Later | undefined | void>;
}

type HandleBy = (handlers: readonly Handler[], signal: AbortSignal) => Promise<Later | undefined>;

/** Decides by a record's headers whether it is ours, and what is to be done about it then. */
export class RecordIntake {
  constructor(
    private readonly registry: HandlerRegistry,
    private readonly processors: Processors,
    private readonly answered: AnsweredRequests,
  ) {}

  /** @returns undefined for what is passed by */
  taskOf(record: LogRecord, owned: Owned): Task | undefined {
    const { twins } = owned.memory;
    if (twins) return this.retried(record, owned, twins);
    const type = messageTypeOf(record.headers);
    if (type?.kind === 'result') return this.result(record, type, owned);
    return type && this.message(record, type, owned);
  }

  private message(read: LogRecord, type: MessageType, owned: Owned): Task | undefined {
    const { partition, memory } = owned;
    const { guard } = memory;
    const handlers = this.registry.find(read.topic, type);
    if (!handlers) return undefined;
    const record = handlers.some(({ retry }) => retry) ? copyOf(read) : read; // it may wait for long
    const envelope = envelopeOf(record, type);
    const identity =
      type.kind === 'event' || envelope instanceof Error ? undefined : repeatedIdentity(envelope, record.headers);
    if (!guard.admits(identity, record.offset)) return undefined; // sent again
    const book = partition.bookOf(record.offset, record.offset < owned.end);
    const handle = forWhoIsLeft(handlers, (left, signal) => {
      if (envelope instanceof Error) return this.bury(record, envelope, signal);
      const ending = guard.endingOf(identity);
      return this.run(left, { record, envelope, signal, ending, book });
    });
    return { lane: laneOf(record), handle };
  }

  /** A record that was put aside: it is handled as if it was read where it came from, but in no order. */
  private retried(waiting: LogRecord, { partition, end }: Owned, twins: RetryTwins): Task | undefined {
    const retried = retriedOf(copyOf(waiting));
    if (!retried || !twins.admits(retried.name, waiting.offset)) return undefined;
    const { record, handler, attempts } = retried;
    const type = messageTypeOf(record.headers);
    const found = (type && this.registry.find(record.topic, type)) ?? [];
    const handlers = found.filter(({ kind, label }) => kind === 'command' || label === handler);
    const envelope = envelopeOf(record);
    const mayHaveBegun = waiting.offset < end;
    const book = partition.bookOf(waiting.offset, mayHaveBegun, retried);
    // Asked now, since all of a batch are asked for at once.
    const asked =
      mayHaveBegun && !(envelope instanceof Error)
        ? this.answered.endingOf(envelope, waiting.timestamp, partition.signal)
        : undefined;
    const handle = forWhoIsLeft(handlers, async (left, signal) => {
      if (envelope instanceof Error) return this.bury(record, envelope, signal);
      if (left.length === 0) return this.orphan(record, handler, attempts, signal);
      const ending = await asked;
      signal.throwIfAborted();
      return this.run(left, { record, envelope, signal, ending, book });
    });
    return { lane: laneOf(waiting, true), handle };
  }

  /** An answer that came too late is told to the handler that gave it; all other results are passed by. */
  private result(record: LogRecord, type: MessageType, { memory: { guard } }: Owned): Task | undefined {
    const isReplay = record.headers[DEAD_LETTER_HEADERS.replays] !== undefined; // it was late once, and told in vain
    const standing = isReplay ? 'late' : guard.noteResult(record, type);
    if (standing === undefined || standing === 'first') return undefined;
    const [command] = this.registry.find(record.topic, { kind: 'command', name: type.name }) ?? [];
    if (!command) return undefined;
    const { late } = command;
    if (!late) {
      if (standing === 'late') this.processors.lates.count(command);
      return undefined;
    }
    const envelope = envelopeOf(record);
    if (envelope instanceof Error) return undefined;
    const handle: Task['handle'] = (signal) =>
      this.processors.lates.process(late, { record, envelope, signal }, standing);
    return { lane: laneOf(record), handle };
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
}

/** Those who are done with a record are not asked again while it waits for the others. */
function forWhoIsLeft(handlers: readonly Handler[], handle: HandleBy): Task['handle'] {
  let left = handlers;
  return async (signal) => {
    const later = await handle(left, signal);
    left = later?.handlers ?? left;
    return later;
  };
}

function envelopeOf({ headers }: LogRecord, type?: MessageType): MessageEnvelope | Error {
  try {
    return decodeEnvelope(headers, type);
  } catch (error) {
    return error as Error;
  }
}

/**
 * What must stay in order: the records of one key; one without a key, or in no order, only itself. It keeps its lane when the partition
 * is lost and comes back, so that a handler which is still at work is never joined by another one for the same key or record.
 */
function laneOf({ topic, partition, offset, key }: LogRecord, isAlone = key === null): string {
  return `${topic}/${partition}/${isAlone ? `@${offset}` : `=${key!.toString('latin1')}`}`;
}
