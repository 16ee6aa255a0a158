import { headerText } from './record.headers.js';
import type { RecordHeaders } from './record.js';

/** The trace that a message belongs to, as its headers carry it on. */
export interface TraceHeaders {
  /** The span that made the message. @see https://www.w3.org/TR/trace-context/#traceparent-header */
  readonly traceparent?: string;
  /** What tracing systems add to it. @see https://www.w3.org/TR/trace-context/#tracestate-header */
  readonly tracestate?: string;
  /** What applications add to it. @see https://www.w3.org/TR/baggage/ */
  readonly baggage?: string;
}

/** The longest `tracestate` that is carried on, in characters: what the W3C asks everybody to carry. */
const TRACESTATE_LENGTH = 512;

/** The longest `baggage` that is carried on, in characters: what the W3C asks everybody to carry. */
export const BAGGAGE_LENGTH = 8_192;

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const VISIBLE = /^[\x20-\x7e]+$/;

/** Whether a text names a span: one that is all zeros names none. */
export function isTraceparent(text: string): boolean {
  return TRACEPARENT.test(text);
}

/** The trace that a record belongs to. Anyone may have written it: what is malformed or too long is left out, and nobody crashes. */
export function traceHeadersIn(headers: RecordHeaders): TraceHeaders {
  const traceparent = headerText(headers['traceparent']);
  const baggage = visible(headerText(headers['baggage']), BAGGAGE_LENGTH);
  // Nearly all records have neither: no object is made for them.
  if (traceparent === undefined && baggage === undefined) return NONE;
  const isTraced = traceparent !== undefined && isTraceparent(traceparent);
  const tracestate = isTraced ? visible(headerText(headers['tracestate']), TRACESTATE_LENGTH) : undefined;
  return traceHeaders({ ...(isTraced && { traceparent }), tracestate, baggage });
}

/** The trace of a message, to go on with in another; members that are not there are left out. */
export function traceHeaders({ traceparent, tracestate, baggage }: TraceHeaders): Record<keyof TraceHeaders, string> {
  if (traceparent === undefined && tracestate === undefined && baggage === undefined) return NONE;
  return {
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
    ...(baggage !== undefined && { baggage }),
  } as Record<keyof TraceHeaders, string>;
}

const NONE = {} as Record<keyof TraceHeaders, string>;

function visible(text: string | undefined, length: number): string | undefined {
  return text !== undefined && text.length <= length && VISIBLE.test(text) ? text : undefined;
}
