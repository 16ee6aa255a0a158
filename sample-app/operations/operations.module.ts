import { type DynamicModule, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';
import { TracesController } from './traces.controller.js';
import { Tracing } from './tracing.js';

/** What whoever runs the sample looks at. */
@Module({})
export class OperationsModule {
  static forRoot(exporter: PrometheusExporter): DynamicModule {
    return {
      module: OperationsModule,
      // Its own log line for each probe that fails would be all that one sees while a broker is away.
      imports: [TerminusModule.forRoot({ logger: false })],
      controllers: [HealthController, MetricsController, TracesController],
      providers: [{ provide: PrometheusExporter, useValue: exporter }, Tracing],
    };
  }
}
