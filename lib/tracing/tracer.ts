import { type Context, context, type Span, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api';
import { KafkaSocketError } from '../kafka-socket.error.js';

const NAME = 'nestjs-kafka-socket';

/** The longest name of a kind of error that is told, in characters. */
const TYPE_LENGTH = 64;

/** The longest text that somebody else chose and a span holds, in characters: an SDK bounds none unless it is told to. */
const TEXT_LENGTH = 256;

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
  if (!(error instanceof Error)) return '_OTHER';
  // Of its class, never its own: what was assigned to an error, such as the body of an answer, may hold a "constructor".
  const { constructor } = Object.getPrototypeOf(error) as { constructor?: { name?: unknown } | null };
  const name = constructor?.name;
  return typeof name === 'string' && name !== '' ? name.slice(0, TYPE_LENGTH) : 'Error';
}

/** What somebody else wrote, as a span may hold it. */
export function bounded(text: string): string {
  return text.slice(0, TEXT_LENGTH);
}
