import {
  type Attributes,
  type Counter,
  type Histogram,
  type Meter,
  metrics,
  type UpDownCounter,
} from '@opentelemetry/api';
import { CloseCode } from '../protocol/close-codes.js';
import { GatewayGauges, type Observed, Tally } from './gateway.gauges.js';

/** In seconds: from a frame on the next desk to a recovery that reads for a minute. */
const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const LENGTHS = [0, 1, 10, 100, 1_000, 10_000, 100_000];
/** Our own and those of RFC 6455. A client may choose any from 3000 to 4999, and each would be a time series for ever. */
const CLOSE_CODES = new Set<number>([...Object.values(CloseCode), ...Array.from({ length: 16 }, (_, i) => 1_000 + i)]);

/**
 * What a gateway measures, for whichever OpenTelemetry SDK the application has set up; without one it costs nothing. All of it says
 * whose gateway it is (`gateway`, the option `service`), so that two in one process stay apart.
 */
export class GatewayMetrics {
  /** What happens for every record is counted here. */
  readonly tally = new Tally();
  private readonly attributes: Attributes;
  private readonly gauges: GatewayGauges;
  private readonly connections: UpDownCounter;
  private readonly disconnects: Counter;
  private readonly pings: Histogram;
  private readonly requests: Counter;
  private readonly backstops: Counter;
  private readonly recoveries: Counter;
  private readonly recoveryRecords: Histogram;
  private readonly recoveryDuration: Histogram;

  /** @param service what the application calls itself, see `KafkaSocketModuleOptions.service` */
  constructor(service: string) {
    // Not at module level: instruments bind to the provider that is there when they are made.
    const meter = metrics.getMeter('nestjs-kafka-socket');
    this.attributes = { gateway: service };
    this.gauges = new GatewayGauges(meter, this.attributes, this.tally);
    this.connections = meter.createUpDownCounter('kafka_socket.connections', {
      description: 'Open sockets.',
      unit: '{connection}',
    });
    this.disconnects = meter.createCounter('kafka_socket.disconnects', {
      description: 'Closed sockets, by close code; other where a client chose one of its own.',
      unit: '{connection}',
    });
    this.pings = histogram(meter, 'kafka_socket.ping.duration', 's', 'Time from a ping to its answer.', DURATIONS);
    this.requests = meter.createCounter('kafka_socket.requests', {
      description: 'Requests, by how they were answered: accepted, or the code of the error.',
      unit: '{request}',
    });
    this.backstops = meter.createCounter('kafka_socket.backstops', {
      description: 'Time-outs that the gateway wrote itself, since nobody else had in time.',
      unit: '{timeout}',
    });
    this.recoveries = meter.createCounter('kafka_socket.recoveries', {
      description: 'Recovered topics, by outcome: complete, why not all was there, failed, or left by the client.',
      unit: '{recovery}',
    });
    this.recoveryRecords = histogram(
      meter,
      'kafka_socket.recovery.records',
      '{record}',
      'Records that a recovered topic brought its client.',
      LENGTHS,
    );
    this.recoveryDuration = histogram(
      meter,
      'kafka_socket.recovery.duration',
      's',
      'Time from the welcome until the client had all that it missed.',
      DURATIONS,
    );
  }

  /** Begins to be looked at, whenever somebody reads the metrics. Safe to call twice. */
  start(observed: Observed): void {
    this.gauges.start(observed);
  }

  /** Is not looked at any more. Safe to call twice. */
  stop(): void {
    this.gauges.stop();
  }

  connected(): void {
    this.connections.add(1, this.attributes);
  }

  disconnected(code: number): void {
    this.connections.add(-1, this.attributes);
    this.disconnects.add(1, { ...this.attributes, code: CLOSE_CODES.has(code) ? code : 'other' });
  }

  /** @param duration in milliseconds */
  ponged(duration: number): void {
    this.pings.record(duration / 1_000, this.attributes);
  }

  answered(answer: string): void {
    this.requests.add(1, { ...this.attributes, answer });
  }

  /** A backstop fired: the gateway wrote a time-out. */
  backstopped(): void {
    this.backstops.add(1, this.attributes);
  }

  delivered(kind: 'result' | 'event', count: number): void {
    this.tally[kind] += count;
  }

  /** @param records that were passed by, as nothing to any client */
  discarded(records: number): void {
    this.tally.discards += records;
  }

  /** @param duration in milliseconds */
  recovered(outcome: string, records: number, duration: number): void {
    const attributes = { ...this.attributes, outcome };
    this.recoveries.add(1, attributes);
    this.recoveryRecords.record(records, attributes);
    this.recoveryDuration.record(duration / 1_000, attributes);
  }
}

function histogram(
  meter: Meter,
  name: string,
  unit: string,
  description: string,
  explicitBucketBoundaries: number[],
): Histogram {
  return meter.createHistogram(name, { description, unit, advice: { explicitBucketBoundaries } });
}
