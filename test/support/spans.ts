import { context, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { onTestFinished, vi } from 'vitest';

/** Spans that were begun and have not ended. */
class OpenSpans implements SpanProcessor {
  readonly open = new Set<string>();

  onStart(span: ReadableSpan): void {
    this.open.add(span.spanContext().spanId);
  }

  onEnd(span: ReadableSpan): void {
    this.open.delete(span.spanContext().spanId);
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

/** All spans of a test, as an SDK sees them that an application has set up. */
export class Spans {
  private constructor(
    private readonly exporter: InMemorySpanExporter,
    private readonly unended: OpenSpans,
  ) {}

  /** Sets an SDK up, for this test only. */
  static begin(options: ConstructorParameters<typeof NodeTracerProvider>[0] = {}): Spans {
    const exporter = new InMemorySpanExporter();
    const unended = new OpenSpans();
    const spanProcessors = [unended, new SimpleSpanProcessor(exporter)];
    const provider = new NodeTracerProvider({ ...options, spanProcessors });
    provider.register();
    onTestFinished(async () => {
      trace.disable();
      context.disable();
      await provider.shutdown();
    });
    return new Spans(exporter, unended);
  }

  get all(): readonly ReadableSpan[] {
    return this.exporter.getFinishedSpans();
  }

  /** How many have not ended. */
  get open(): number {
    return this.unended.open.size;
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
