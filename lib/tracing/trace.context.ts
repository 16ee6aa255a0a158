import { type Context, createTraceState, propagation, ROOT_CONTEXT, type SpanContext, trace } from '@opentelemetry/api';
import { isTraceparent, type TraceHeaders, traceHeaders } from '../message/trace.headers.js';
import { formatBaggage, parseBaggage } from './baggage.codec.js';

/**
 * The context that a message was made in. W3C's headers always, whatever the application has set as its global propagator: they are
 * part of the protocol, and who reads them may be another application.
 */
export function contextOf({ traceparent, tracestate, baggage }: TraceHeaders): Context {
  const span = traceparent === undefined ? undefined : spanContextOf(traceparent, tracestate);
  const traced = span ? trace.setSpanContext(ROOT_CONTEXT, span) : ROOT_CONTEXT;
  const entries = baggage === undefined ? undefined : parseBaggage(baggage);
  return entries ? propagation.setBaggage(traced, entries) : traced;
}

/** The span that a text names; undefined where it names none. */
export function spanContextOf(traceparent: string, tracestate?: string): SpanContext | undefined {
  if (!isTraceparent(traceparent)) return undefined;
  const [, traceId, spanId, flags] = traceparent.split('-') as [string, string, string, string];
  return {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  };
}

/** The headers of a message that is made in this context. */
export function headersOf(context: Context): Record<keyof TraceHeaders, string> {
  const span = trace.getSpanContext(context);
  const baggage = formatBaggage(propagation.getBaggage(context));
  if (!span || !trace.isSpanContextValid(span)) return traceHeaders({ baggage });
  const { traceId, spanId, traceFlags, traceState } = span;
  const flags = traceFlags.toString(16).padStart(2, '0');
  const tracestate = traceState?.serialize() || undefined;
  return traceHeaders({ traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate, baggage });
}
