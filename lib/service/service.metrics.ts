import { Injectable } from '@nestjs/common';
import { type Attributes, type Counter, metrics } from '@opentelemetry/api';
import type { DeadLetterReason } from '../message/dead-letter.headers.js';
import type { RetryOrder } from './retry/retry.options.js';
import { ServiceOptions } from './service.options.js';

/**
 * How an attempt ended: another one comes; it succeeded; it was the last one; another one would be too late; or in any other way, such
 * as a rejection, or an error that is not tried again.
 */
export type AttemptEnd = 'retried' | 'succeeded' | 'exhausted' | 'deadline' | 'ended';

/**
 * What a service measures, for whichever OpenTelemetry SDK the application has set up; without one it costs nothing. All of it
 * says whose it is (`service`, the option of that name), so that two in one process stay apart.
 *
 * Names are our own and not those of the conventions (`messaging.process.duration`): these are in development still, and where somebody
 * measures kafkajs by them too, each record would count twice. What is measured while a span is active is measured with its
 * context, for SDKs that make exemplars of that.
 */
@Injectable()
export class ServiceMetrics {
  private readonly attributes: Attributes;
  private readonly lates: Counter;
  private readonly deadLetters: Counter;
  private readonly attempts: Counter;

  constructor({ name }: ServiceOptions) {
    // Not at module level: instruments bind to the provider that is there when they are made.
    const meter = metrics.getMeter('nestjs-kafka-socket');
    this.attributes = { service: name };
    this.lates = meter.createCounter('kafka_socket.service.late', {
      description: 'Answers that came behind the time-out of their request, by command.',
      unit: '{result}',
    });
    this.deadLetters = meter.createCounter('kafka_socket.service.dead_letters', {
      description: 'Records that were given up, by reason.',
      unit: '{record}',
    });
    this.attempts = meter.createCounter('kafka_socket.service.attempts', {
      description: 'Attempts of handlers with @Retry, by handler, order and end.',
      unit: '{attempt}',
    });
  }

  /** An answer came too late. */
  late(command: string): void {
    this.lates.add(1, { ...this.attributes, command });
  }

  /** An attempt of a handler that may be called several times has ended. */
  attempted(handler: string, order: RetryOrder, end: AttemptEnd): void {
    this.attempts.add(1, { ...this.attributes, handler, order, end });
  }

  /** A dead letter is in the log. */
  deadLettered(reason: DeadLetterReason): void {
    this.deadLetters.add(1, { ...this.attributes, reason });
  }
}
