import { Injectable, Logger } from '@nestjs/common';
import { KafkaSocketError, messageOf } from '../../kafka-socket.error.js';
import type { LogRecord } from '../../message/record.js';
import { PersistentPublisher } from './persistent.publisher.js';

/** A topic's dead letters go to the topic of this name. */
export const DEAD_LETTER_SUFFIX = '.dlq';

/** Characters of an error that a header carries. */
const ERROR_LENGTH = 512;

/** Why a record was given up. */
export type DeadLetterReason =
  | 'expired' // a command that was read past its deadline
  | 'undecodable' // addressed to a handler, but no message that this package can read
  | 'invalid' // an event that is not what its class says
  | 'failed' // the handler threw
  | 'timeout'; // the handler ran longer than it may

/** What is said about a dead letter, in headers beside its own. */
export interface DeadLetter {
  readonly reason: DeadLetterReason;
  /** Code and message go into a header; the record itself says the rest. */
  readonly error?: unknown;
  readonly attempts: number;
  /** The method that gave up; undefined where none was called. */
  readonly handler?: string;
}

/** Keeps what was given up: value, key and headers as they were, and why. */
@Injectable()
export class DeadLetters {
  private readonly logger = new Logger('KafkaSocketService');

  constructor(private readonly publisher: PersistentPublisher) {}

  /** Resolves when the dead letter is in the log, or can never be. */
  async add(record: LogRecord, letter: DeadLetter, signal: AbortSignal): Promise<void> {
    const { topic, key, value, headers } = record;
    try {
      const place = { topic: topic + DEAD_LETTER_SUFFIX, key, value };
      await this.publisher.publish({ ...place, headers: { ...headers, ...headersOf(record, letter) } }, signal);
    } catch (error) {
      signal.throwIfAborted();
      // Refused, or its topic is gone. Waiting for ever would stop the partition, and no other try can end otherwise.
      this.logger.error(
        `${topic}/${record.partition}@${record.offset} is lost: it was given up (${letter.reason}), and ${topic}${DEAD_LETTER_SUFFIX} does not take it: ${messageOf(error)}`,
      );
    }
  }
}

function headersOf({ topic, partition, offset }: LogRecord, letter: DeadLetter): Record<string, string> {
  const { reason, error, attempts, handler } = letter;
  return {
    dlq_reason: reason,
    ...(error !== undefined && { dlq_error: describe(error).slice(0, ERROR_LENGTH) }),
    dlq_attempts: String(attempts),
    dlq_topic: topic,
    dlq_partition: String(partition),
    dlq_offset: String(offset),
    ...(handler !== undefined && { dlq_handler: handler }),
  };
}

function describe(error: unknown): string {
  if (error instanceof KafkaSocketError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : messageOf(error);
}
