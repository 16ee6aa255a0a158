import { metrics, type Counter, type UpDownCounter } from '@opentelemetry/api';

/** What a gateway counts, for whichever OpenTelemetry SDK the application has set up; without one it costs nothing. */
export class GatewayMetrics {
  private readonly connections: UpDownCounter;
  private readonly disconnects: Counter;
  private readonly requests: Counter;
  private readonly deliveries: Counter;
  private readonly recoveries: Counter;

  constructor() {
    // Not at module level: instruments bind to the provider that is there when they are made.
    const meter = metrics.getMeter('nestjs-kafka-socket');
    this.connections = meter.createUpDownCounter('kafka_socket.connections', { description: 'Open sockets' });
    this.disconnects = meter.createCounter('kafka_socket.disconnects', {
      description: 'Closed sockets, by close code',
    });
    this.requests = meter.createCounter('kafka_socket.requests', {
      description: 'Requests that were taken, by how they were answered',
    });
    this.deliveries = meter.createCounter('kafka_socket.deliveries', {
      description: 'Results and events sent to clients',
    });
    this.recoveries = meter.createCounter('kafka_socket.recoveries', {
      description: 'Recovered topics, by completeness',
    });
  }

  connected(): void {
    this.connections.add(1);
  }

  disconnected(code: number): void {
    this.connections.add(-1);
    this.disconnects.add(1, { code });
  }

  answered(answer: string): void {
    this.requests.add(1, { answer });
  }

  delivered(kind: 'result' | 'event', count: number): void {
    this.deliveries.add(count, { kind });
  }

  recovered(outcome: string, _records: number): void {
    this.recoveries.add(1, { outcome });
  }
}
