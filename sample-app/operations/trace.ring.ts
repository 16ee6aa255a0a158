import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node';

/** Traces that are kept, and spans of each. */
const TRACES = 300;
const SPANS = 200;

/** A span as the page draws it. Times are milliseconds, since the epoch. */
export interface DrawnSpan {
  id: string;
  parent?: string;
  name: string;
  start: number;
  duration: number;
  failed: boolean;
  /** What it was about: a message's type, a handler, an attempt. */
  details: Record<string, string>;
}

/** The longest text that is kept of each: some are chosen by clients. */
const LENGTH = 128;

const DETAILS = ['kafka_socket.message.type', 'kafka_socket.command', 'code.function.name', 'kafka_socket.attempt'];

/** Keeps the latest traces of this process, so that they can be looked at where nobody collects them. */
export class TraceRing implements SpanProcessor {
  private readonly traces = new Map<string, DrawnSpan[]>();

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    this.add(span);
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {
    this.traces.clear();
  }

  /** What is known of a trace, in the order in which its spans began. */
  find(traceId: string): DrawnSpan[] {
    return [...(this.traces.get(traceId) ?? [])].sort((one, other) => one.start - other.start);
  }

  private add(span: ReadableSpan): void {
    const { traceId } = span.spanContext();
    const known = this.traces.get(traceId) ?? [];
    this.traces.set(traceId, known);
    if (known.length < SPANS) known.push(drawn(span));
    if (this.traces.size > TRACES) this.traces.delete(this.traces.keys().next().value!);
  }
}

function drawn(span: ReadableSpan): DrawnSpan {
  const { attributes } = span;
  const details = DETAILS.filter((key) => attributes[key] !== undefined).map((key) => [
    key,
    String(attributes[key]).slice(0, LENGTH),
  ]);
  return {
    id: span.spanContext().spanId,
    parent: span.parentSpanContext?.spanId,
    name: span.name.slice(0, LENGTH),
    start: milliseconds(span.startTime),
    duration: milliseconds(span.duration),
    failed: attributes['error.type'] !== undefined,
    details: Object.fromEntries(details) as Record<string, string>,
  };
}

function milliseconds([seconds, nanoseconds]: [number, number]): number {
  return seconds * 1_000 + nanoseconds / 1e6;
}
