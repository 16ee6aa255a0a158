import { type Context, context, type Span, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api';
import { KafkaSocketError } from '../kafka-socket.error.js';

const NAME = 'nestjs-kafka-socket';

/** The longest name of a kind of error that is told, in characters. */
const TYPE_LENGTH = 64;

/**
 * Makes spans, after OpenTelemetry's semantic conventions for messaging, version 1.45 (status: development). Undefined where no
 * SDK was set up: then no span is made, nothing is read out of a message for one, and a trace that came with it is handed on as it is.
 *
 * No span ever holds a payload, a record's key, a token, or the text of an error, which may quote one of them.
 * @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
export function tracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  // Asked each time, and not kept: an SDK may be set up after us, and another one in the next test.
  return isDelegating(provider) ? provider.getDelegateTracer(NAME) : provider.getTracer(NAME);
}

/** What stands in for an SDK until there is one. Its class is deprecated, so it is known by what it does. */
interface Delegating {
  getDelegateTracer(name: string): Tracer | undefined;
}

function isDelegating(provider: object): provider is Delegating {
  return typeof (provider as Partial<Delegating>).getDelegateTracer === 'function';
}

/** Runs `work` as what a span stands for, and ends the span with it. */
export async function spanning<T>(span: Span, within: Context, work: () => Promise<T>): Promise<T> {
  try {
    return await context.with(within, work);
  } catch (error) {
    markFailed(span, errorType(error));
    throw error;
  } finally {
    span.end();
  }
}

/** Says that what a span stands for failed, and by which kind of error. */
export function markFailed(span: Span, type: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute('error.type', type);
}

/** The kind of an error: its code or its class, and nothing that it says. */
export function errorType(error: unknown): string {
  if (error instanceof KafkaSocketError) return error.code;
  return error instanceof Error ? error.constructor.name.slice(0, TYPE_LENGTH) || 'Error' : '_OTHER';
}
