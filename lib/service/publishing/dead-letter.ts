import { Injectable, Logger } from '@nestjs/common';
import { descriptionOf, messageOf } from '../../kafka-socket.error.js';
import { DEAD_LETTER_HEADERS, DEAD_LETTER_SUFFIX, type DeadLetterReason } from '../../message/dead-letter.headers.js';
import type { LogRecord } from '../../message/record.js';
import { ServiceMetrics } from '../service.metrics.js';
import { PersistentPublisher } from './persistent.publisher.js';

/** Characters of an error that a header carries. */
const ERROR_LENGTH = 512;

/** What is said about a dead letter, in headers beside its own. */
export interface DeadLetterRemarks {
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

  constructor(
    private readonly publisher: PersistentPublisher,
    private readonly metrics: ServiceMetrics,
  ) {}

  /** Resolves when the dead letter is in the log, or can never be. */
  async add(record: LogRecord, remarks: DeadLetterRemarks, signal: AbortSignal): Promise<void> {
    const { topic, key, value, headers } = record;
    try {
      const place = { topic: topic + DEAD_LETTER_SUFFIX, key, value };
      await this.publisher.publish({ ...place, headers: { ...headers, ...headersOf(record, remarks) } }, signal);
      this.metrics.deadLettered(remarks.reason);
    } catch (error) {
      signal.throwIfAborted();
      // Refused, or its topic is gone. Waiting for ever would stop the partition, and no other try can end otherwise.
      this.logger.error(
        `${topic}/${record.partition}@${record.offset} is lost: it was given up (${remarks.reason}), and ${topic}${DEAD_LETTER_SUFFIX} does not take it: ${messageOf(error)}`,
      );
    }
  }
}

function headersOf({ topic, partition, offset }: LogRecord, remarks: DeadLetterRemarks): Record<string, string> {
  const { reason, error, attempts, handler } = remarks;
  return {
    [DEAD_LETTER_HEADERS.reason]: reason,
    ...(error !== undefined && { [DEAD_LETTER_HEADERS.error]: descriptionOf(error).slice(0, ERROR_LENGTH) }),
    [DEAD_LETTER_HEADERS.attempts]: String(attempts),
    [DEAD_LETTER_HEADERS.topic]: topic,
    [DEAD_LETTER_HEADERS.partition]: String(partition),
    [DEAD_LETTER_HEADERS.offset]: String(offset),
    ...(handler !== undefined && { [DEAD_LETTER_HEADERS.handler]: handler }),
  };
}
