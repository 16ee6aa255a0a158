import { Injectable } from '@nestjs/common';
import {
  type Attributes,
  context,
  type Counter,
  type Histogram,
  metrics,
  type ObservableCallback,
  type ObservableGauge,
  type UpDownCounter,
} from '@opentelemetry/api';
import type { DeadLetterReason } from '../message/dead-letter.headers.js';
import type { RetryOrder } from './retry/retry.options.js';
import { ServiceOptions } from './service.options.js';

/**
 * How an attempt ended: another one comes; it succeeded; it was the last one; another one would be too late; or in any other way, such
 * as a rejection, or an error that is not tried again.
 */
export type AttemptEnd = 'retried' | 'succeeded' | 'exhausted' | 'deadline' | 'ended';

/** How a handler ended; `interrupted`: its record was no longer ours by then, and says nothing of it. */
export type HandlerEnd = (typeof ENDS)[number];

const ENDS = ['success', 'invalid', 'rejected', 'failed', 'timeout', 'interrupted'] as const;

/** Of a handler, and of how it ended. */
interface HandlerAttributes {
  readonly own: Attributes;
  readonly ending: ReadonlyMap<HandlerEnd, Attributes>;
}

/** Where a partition that is ours stands. */
export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  /** Undefined while the log does not tell. */
  readonly records: number | undefined;
}

/** In seconds: from a look into memory to work that a user waits for, and on to what is behind. */
const DURATIONS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

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
  private readonly handlers = new Map<string, HandlerAttributes>();
  private readonly lates: Counter;
  private readonly deadLetters: Counter;
  private readonly attempts: Counter;
  private readonly durations: Histogram;
  private readonly ages: Histogram;
  private readonly inFlight: UpDownCounter;
  private readonly lag: ObservableGauge;

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
    const advice = { explicitBucketBoundaries: DURATIONS };
    this.durations = meter.createHistogram('kafka_socket.service.handler.duration', {
      description: 'How long handlers took, by handler and outcome.',
      unit: 's',
      advice,
    });
    this.ages = meter.createHistogram('kafka_socket.service.age', {
      description: 'How old records were when their handler got them, by handler.',
      unit: 's',
      advice,
    });
    this.inFlight = meter.createUpDownCounter('kafka_socket.service.in_flight', {
      description: 'Records in the hands of handlers, by handler.',
      unit: '{record}',
    });
    this.lag = meter.createObservableGauge('kafka_socket.service.lag', {
      description: 'Records that are not finished yet, by topic and partition.',
      unit: '{record}',
    });
    this.attempts = meter.createCounter('kafka_socket.service.attempts', {
      description: 'Attempts of handlers with @Retry, by handler, order and end.',
      unit: '{attempt}',
    });
  }

  /**
   * A handler gets a record.
   * @param timestamp when that was written, in milliseconds since the epoch
   * @returns what is to be called when it has ended
   */
  begun(label: string, timestamp: number): (end: HandlerEnd) => void {
    const { own, ending } = this.attributesOf(label);
    const start = performance.now();
    this.ages.record(Math.max(0, Date.now() - timestamp) / 1_000, own, context.active());
    this.inFlight.add(1, own);
    return (outcome) => {
      this.inFlight.add(-1, own);
      this.durations.record((performance.now() - start) / 1_000, ending.get(outcome), context.active());
    };
  }

  /** Made once for each handler: to copy them costs half a microsecond, and every record would need it twice. */
  private attributesOf(label: string): HandlerAttributes {
    const known = this.handlers.get(label);
    if (known) return known;
    const own = { ...this.attributes, handler: label };
    const made = { own, ending: new Map(ENDS.map((outcome) => [outcome, { ...own, outcome }])) };
    this.handlers.set(label, made);
    return made;
  }

  /**
   * Looks at how far the handlers are behind whenever somebody reads the metrics. A partition that went to somebody else has no lag
   * here: an SDK says the last value for ever of what is not observed any more, and both owners would be added up.
   * @returns what ends that; safe to call twice
   */
  watch(lags: () => Promise<readonly PartitionLag[]>): () => void {
    const known = new Map<string, PartitionLag>();
    const look: ObservableCallback = async (result) => {
      const ours = await lags();
      const places = new Map(ours.map((lag) => [`${lag.topic}/${lag.partition}`, lag]));
      for (const [place, lag] of places) known.set(place, lag);
      for (const [place, { topic, partition }] of known) {
        const records = places.has(place) ? places.get(place)!.records : 0;
        if (records !== undefined) result.observe(records, { ...this.attributes, topic, partition });
      }
    };
    this.lag.addCallback(look);
    return () => this.lag.removeCallback(look);
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
