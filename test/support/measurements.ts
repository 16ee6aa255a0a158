import { type Attributes, metrics } from '@opentelemetry/api';
import { type DataPoint, type Histogram, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { onTestFinished } from 'vitest';

/** Reads only when it is asked. */
class ReaderOnDemand extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** What is measured in this process from now on until the test ends. Begin it before the application that is to be measured. */
export class Measurements {
  private readonly reader = new ReaderOnDemand();

  private constructor() {
    const provider = new MeterProvider({ readers: [this.reader] });
    metrics.setGlobalMeterProvider(provider);
    onTestFinished(async () => {
      metrics.disable();
      await provider.shutdown();
    });
  }

  static begin(): Measurements {
    return new Measurements();
  }

  /** The value of a counter or gauge with these attributes, or what a histogram was told, in all and how often. */
  async of(name: string, attributes: Attributes): Promise<number | { sum: number; count: number } | undefined> {
    const points = (await this.points(name)).filter((point) => matches(point.attributes, attributes));
    if (points.length > 1) throw new Error(`${name} has ${points.length} values with ${JSON.stringify(attributes)}.`);
    const value = points[0]?.value;
    return typeof value === 'object' ? { sum: value.sum ?? NaN, count: value.count } : value;
  }

  /** The unit of a metric, where anything was measured. */
  async unit(name: string): Promise<string | undefined> {
    return (await this.metric(name))?.descriptor.unit;
  }

  /** Names of all that was measured. */
  async names(): Promise<string[]> {
    return (await this.all()).map(({ descriptor }) => descriptor.name).sort();
  }

  private async points(name: string): Promise<DataPoint<number | Histogram>[]> {
    return ((await this.metric(name))?.dataPoints ?? []) as DataPoint<number | Histogram>[];
  }

  private async metric(name: string) {
    return (await this.all()).find(({ descriptor }) => descriptor.name === name);
  }

  private async all() {
    const { resourceMetrics, errors } = await this.reader.collect();
    if (errors.length > 0) throw errors[0];
    return resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  }
}

function matches(given: Attributes, wanted: Attributes): boolean {
  return Object.entries(wanted).every(([name, value]) => given[name] === value);
}
