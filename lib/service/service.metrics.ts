import { Injectable } from '@nestjs/common';
import { type Attributes, type Counter, metrics } from '@opentelemetry/api';
import type { DeadLetterReason } from '../message/dead-letter.headers.js';
import { ServiceOptions } from './service.options.js';

/**
 * What a service measures, for whichever OpenTelemetry SDK the application has set up; without one it costs nothing. All of it
 * says whose it is (`service`, the option of that name), so that two in one process stay apart.
 */
@Injectable()
export class ServiceMetrics {
  private readonly attributes: Attributes;
  private readonly lates: Counter;
  private readonly deadLetters: Counter;

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
  }

  /** An answer came too late. */
  late(command: string): void {
    this.lates.add(1, { ...this.attributes, command });
  }

  /** A dead letter is in the log. */
  deadLettered(reason: DeadLetterReason): void {
    this.deadLetters.add(1, { ...this.attributes, reason });
  }
}
