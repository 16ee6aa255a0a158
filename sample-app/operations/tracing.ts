import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { TraceRing } from './trace.ring.js';

/**
 * Takes the spans of this process: for the page's picture always, and for a collector where `OTEL_EXPORTER_OTLP_ENDPOINT` says
 * where there is one, such as `http://localhost:4318`.
 */
@Injectable()
export class Tracing implements OnApplicationShutdown {
  readonly ring = new TraceRing();
  /** What this process is: gateway, service, or both. */
  readonly role = process.env['ROLE'] || 'all';
  private readonly provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': this.role === 'all' ? 'saleroom' : `saleroom-${this.role}` }),
    spanProcessors: [
      this.ring,
      ...(process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ? [new BatchSpanProcessor(new OTLPTraceExporter())] : []),
    ],
  });

  constructor() {
    this.provider.register();
  }

  /** Sends what is left. */
  async onApplicationShutdown(): Promise<void> {
    await this.provider.shutdown();
  }
}
