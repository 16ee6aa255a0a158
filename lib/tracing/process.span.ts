import { context, type Span, SpanKind, trace } from '@opentelemetry/api';
import type { MessageEnvelope } from '../message/cloud-events.codec.js';
import type { LogRecord } from '../message/record.js';
import { traceHeadersIn } from '../message/trace.headers.js';
import { contextOf } from './trace.context.js';
import type { OutcomeStatus } from '../protocol/outcome.js';
import { bounded, errorType, markFailed, spanning, tracer } from './tracer.js';

/** A record that is handled. */
export interface Processed {
  readonly record: LogRecord;
  readonly envelope: MessageEnvelope;
}

/**
 * Handles a record in a span (`process <topic>`, consumer): all that the method does, publishes and answers is a child of it.
 *
 * Its parent is the context that the message was made in, as the conventions allow where messages are handled one by one: so one
 * trace shows all, from the click to the outcome. The link to the same context is what they ask of every consumer. Whatever else is
 * active, such as the span of somebody who publishes into a log in memory, has no part in it.
 * @param method class and method
 * @param group the consumer group, which is the service
 */
export function processing<T>(
  { record, envelope }: Processed,
  method: string,
  group: string,
  work: () => Promise<T>,
): Promise<T> {
  const spans = tracer();
  if (!spans) return work();
  const parent = contextOf(envelope);
  const creation = trace.getSpanContext(parent);
  const { topic, partition, offset } = record;
  const attributes = {
    'messaging.system.name': 'kafka',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': String(partition),
    'messaging.consumer.group.name': group,
    'messaging.kafka.offset': Number(offset),
    'code.function.name': method,
  };
  const links = creation && [{ context: creation }];
  const span = spans.startSpan(`process ${topic}`, { kind: SpanKind.CONSUMER, attributes, links }, parent);
  describe(span, envelope);
  return spanning(span, trace.setSpan(parent, span), work);
}

/** Does what is to be done with a record that no handler gets, in the trace that it says it belongs to. */
export function passing<T>({ headers }: LogRecord, work: () => T): T {
  return tracer() ? context.with(contextOf(traceHeadersIn(headers)), work) : work();
}

/**
 * Says in the span of the processing that is under way how it ended. `invalid` and `rejected` are answers, and no errors.
 * @param end `interrupted`: its record was no longer ours by then
 * @param error what lies behind it
 * @param attempt from 1
 */
export function concluded(end: OutcomeStatus | 'interrupted', error: unknown, attempt: number): void {
  const span = trace.getActiveSpan();
  if (!span?.isRecording()) return;
  span.setAttribute('kafka_socket.outcome', end);
  if (attempt > 1) span.setAttribute('kafka_socket.attempt', attempt);
  if (end === 'failed' || end === 'timeout') markFailed(span, error instanceof Error ? errorType(error) : end);
}

function describe(span: Span, { id, type, breadCrumbs: { requestId } }: MessageEnvelope): void {
  if (!span.isRecording()) return;
  span.setAttribute('messaging.message.id', bounded(id));
  span.setAttribute('kafka_socket.message.type', bounded(`${type.kind}.${type.name}`));
  if (requestId !== undefined) span.setAttribute('messaging.message.conversation_id', bounded(requestId));
}
