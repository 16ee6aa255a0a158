import { context, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { onTestFinished, vi } from 'vitest';

/** All spans of a test, as an SDK sees them that an application has set up. */
export class Spans {
  private constructor(private readonly exporter: InMemorySpanExporter) {}

  /** Sets an SDK up, for this test only. */
  static begin(options: ConstructorParameters<typeof NodeTracerProvider>[0] = {}): Spans {
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ ...options, spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register();
    onTestFinished(async () => {
      trace.disable();
      context.disable();
      await provider.shutdown();
    });
    return new Spans(exporter);
  }

  get all(): readonly ReadableSpan[] {
    return this.exporter.getFinishedSpans();
  }

  /** Those of a name, such as `send`, in the order in which they ended. */
  named(operation: string): readonly ReadableSpan[] {
    return this.all.filter(({ name }) => name.split(' ')[0] === operation);
  }

  /** Waits until so many of a name have ended. */
  async ended(operation: string, count = 1): Promise<readonly ReadableSpan[]> {
    await vi.waitUntil(() => this.named(operation).length >= count, { timeout: 5_000, interval: 5 });
    return this.named(operation);
  }

  /** The span under which another one stands. */
  parentOf(span: ReadableSpan): ReadableSpan | undefined {
    return this.all.find((one) => one.spanContext().spanId === span.parentSpanContext?.spanId);
  }

  /** Names from the root down to a span, with types of messages. */
  pathTo(span: ReadableSpan): string[] {
    const parent = this.parentOf(span);
    const type = span.attributes['kafka_socket.message.type'];
    const [operation] = span.name.split(' ');
    return [...(parent ? this.pathTo(parent) : []), type === undefined ? operation! : `${operation} ${String(type)}`];
  }
}
