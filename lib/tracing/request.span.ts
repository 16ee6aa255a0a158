import { context, SpanKind, trace } from '@opentelemetry/api';
import { traceHeaders, type TraceHeaders } from '../message/trace.headers.js';
import { formatBaggage, parseBaggage } from './baggage.codec.js';
import { contextOf, headersOf, spanContextOf } from './trace.context.js';
import { markFailed, tracer } from './tracer.js';

/** A client's request, and what it says of its trace. */
export interface TracedRequest {
  readonly requestId: string;
  readonly topic: string;
  readonly command: string;
  readonly traceparent?: string;
  readonly baggage?: string;
}

/** The part of a gateway's options that says what is taken of a client's word. */
export interface Served {
  /** The topics that clients may name. */
  readonly topics: readonly string[];
  readonly trace: Trust;
}

/** What is taken of a client's word about traces. */
export interface Trust {
  /** Whether its trace is gone on with. */
  readonly follow: boolean;
  /** Names of baggage entries. */
  readonly baggage: readonly string[];
}

/** Answers that are no fault of the client's. */
const OUR_FAULT = new Set(['internal', 'unavailable', 'pending']);

/**
 * Takes a request in a span (`request <topic>`, server), which {@link answered} ends: the command, and the time-out that waits
 * beside it, are children of it. Its parent is the client's span, or, where clients are not followed, linked to it.
 *
 * A topic that is not served here stands in no name: names of spans are counted and become labels, and strangers must not choose them.
 */
export function requested<T>(request: TracedRequest, { topics, trace: trust }: Served, work: () => Promise<T>) {
  const spans = tracer();
  if (!spans) return work();
  const client = request.traceparent === undefined ? undefined : spanContextOf(request.traceparent);
  const parent = contextOf(trusted(request, trust));
  const attributes = {
    'messaging.destination.name': request.topic,
    'messaging.message.conversation_id': request.requestId,
    'kafka_socket.command': request.command,
  };
  const links = client && !trust.follow ? [{ context: client }] : [];
  const name = topics.includes(request.topic) ? `request ${request.topic}` : 'request';
  const span = spans.startSpan(name, { kind: SpanKind.SERVER, attributes, links }, parent);
  return context.with(trace.setSpan(parent, span), work);
}

/**
 * Ends the span of the request that is being taken.
 * @param answer `accepted`, or the code of the error
 */
export function answered(answer: string): void {
  const span = tracer() && trace.getActiveSpan();
  if (!span) return;
  span.setAttribute('kafka_socket.answer', answer);
  if (OUR_FAULT.has(answer)) markFailed(span, answer);
  span.end();
}

/** The trace that the command of a request, and its time-out, belong to. */
export function headersFor(request: TracedRequest, trust: Trust): TraceHeaders {
  return tracer() ? headersOf(context.active()) : trusted(request, trust);
}

/** Never its `tracestate`: that is between tracing systems, and a browser is none. */
function trusted({ traceparent, baggage }: TracedRequest, { follow, baggage: names }: Trust): TraceHeaders {
  const wanted = (name: string): boolean => names.includes(name);
  const entries = baggage === undefined || names.length === 0 ? undefined : parseBaggage(baggage, wanted);
  const isSpan = traceparent !== undefined && spanContextOf(traceparent) !== undefined;
  return traceHeaders({ ...(follow && isSpan && { traceparent }), baggage: formatBaggage(entries) });
}
