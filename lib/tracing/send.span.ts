import {
  type Attributes,
  type Context,
  context,
  type Link,
  type Span,
  SpanKind,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { peekBreadCrumb } from '../message/bread-crumbs.codec.js';
import { headerText } from '../message/record.headers.js';
import type { LogPosition, OutgoingRecord, RecordHeaders } from '../message/record.js';
import { traceHeadersIn } from '../message/trace.headers.js';
import { contextOf, headersOf } from './trace.context.js';
import { bounded, spanning, tracer } from './tracer.js';

type Publish = (record: OutgoingRecord) => Promise<LogPosition>;

/**
 * Publishes a record in a span of its own (`send <topic>`, producer), whose context goes into the record's headers: what comes of
 * the record is a child of it.
 * @param parent left out: whatever runs now, such as the handler that publishes
 */
export function sending(record: OutgoingRecord, publish: Publish, parent = context.active()): Promise<LogPosition> {
  const spans = tracer();
  return spans ? send(spans, record, publish, parent) : publish(record);
}

/** As {@link sending}, for a record that waited for its time: it belongs to the trace that its headers were written in. */
export function sendingDue(record: OutgoingRecord, publish: Publish): Promise<LogPosition> {
  const spans = tracer();
  return spans ? send(spans, record, publish, contextOf(traceHeadersIn(record.headers))) : publish(record);
}

/** As {@link sending}, for a record that was held: under what runs now, with the baggage of where it was made. */
export function sendingHeld(record: OutgoingRecord, publish: Publish): Promise<LogPosition> {
  const spans = tracer();
  if (!spans) return publish(record);
  const made = contextOf(traceHeadersIn(record.headers));
  const active = trace.getActiveSpan();
  return send(spans, record, publish, active ? trace.setSpan(made, active) : made);
}

/**
 * As {@link sending}, for a record that may have waited for hours or days. It begins a trace of its own, linked to the one that
 * its headers were written in, whose baggage it keeps: a trace that is open for days is shown by no tool.
 */
export function sendingLater(record: OutgoingRecord, publish: Publish): Promise<LogPosition> {
  const spans = tracer();
  if (!spans) return publish(record);
  const made = contextOf(traceHeadersIn(record.headers));
  const cause = trace.getSpanContext(made);
  return send(spans, record, publish, trace.deleteSpan(made), cause && [{ context: cause }]);
}

/** A record that is left to wait for its time, with the context in which it was left. */
export function stamped(record: OutgoingRecord): OutgoingRecord {
  return tracer() ? { ...record, headers: headersWithin(context.active(), record) } : record;
}

function send(
  spans: Tracer,
  record: OutgoingRecord,
  publish: Publish,
  parent: Context,
  links?: Link[],
): Promise<LogPosition> {
  const attributes = { ...SEND, 'messaging.destination.name': record.topic };
  const span = spans.startSpan(`send ${record.topic}`, { kind: SpanKind.PRODUCER, attributes, links }, parent);
  if (span.isRecording()) span.setAttributes(messageAttributes(record.headers));
  const within = trace.setSpan(parent, span);
  const headers = headersWithin(within, record);
  return spanning(span, within, async () => placed(span, await publish({ ...record, headers })));
}

/** The ids of a message, as spans name them. */
export function messageAttributes(headers: RecordHeaders): Attributes {
  const requestId = peekBreadCrumb(headerText(headers['ce_breadcrumbs']) ?? '', 'request');
  return {
    'messaging.message.id': bounded(headerText(headers['ce_id']) ?? ''),
    'kafka_socket.message.type': bounded(headerText(headers['ce_type']) ?? ''),
    ...(requestId !== undefined && { 'messaging.message.conversation_id': bounded(requestId) }),
  };
}

const SEND: Attributes = {
  'messaging.system.name': 'kafka',
  'messaging.operation.name': 'send',
  'messaging.operation.type': 'send',
};

function placed(span: Span, position: LogPosition): LogPosition {
  span.setAttribute('messaging.destination.partition.id', String(position.partition));
  span.setAttribute('messaging.kafka.offset', Number(position.offset));
  return position;
}

function headersWithin(within: Context, { headers }: OutgoingRecord): RecordHeaders {
  const { traceparent: _traceparent, tracestate: _tracestate, baggage: _baggage, ...others } = headers;
  return { ...others, ...headersOf(within) };
}
