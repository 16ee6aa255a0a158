import { SpanKind } from '@opentelemetry/api';
import type { LogPosition } from '../message/record.js';
import { contextOf } from './trace.context.js';
import { tracer } from './tracer.js';

/** A result on its way to a client. */
export interface Delivered extends LogPosition {
  /** The span that wrote it. */
  readonly traceparent?: string;
  readonly owner: { readonly requestId: string };
}

/**
 * Seals a result for a client in a span (`deliver <topic>`, consumer), a child of the one that wrote the result. Only for those who
 * are here, and only for what is traced already: events go to thousands at once, and none of them asked.
 */
export function delivering<T>({ topic, partition, offset, traceparent, owner }: Delivered, deliver: () => T): T {
  const spans = traceparent === undefined ? undefined : tracer();
  if (!spans) return deliver();
  const attributes = {
    'messaging.system.name': 'kafka',
    'messaging.operation.name': 'deliver',
    'messaging.operation.type': 'process',
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': String(partition),
    'messaging.kafka.offset': Number(offset),
    'messaging.message.conversation_id': owner.requestId,
  };
  const span = spans.startSpan(
    `deliver ${topic}`,
    { kind: SpanKind.CONSUMER, attributes },
    contextOf({ traceparent: traceparent! }),
  );
  try {
    return deliver();
  } finally {
    span.end();
  }
}
