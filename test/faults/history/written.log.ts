import type { MessageLog } from '../../../lib/log/message.log.js';
import { decodeMessage } from '../../../lib/message/cloud-events.codec.js';
import type { BreadCrumbs } from '../../../lib/message/bread-crumbs.js';
import { isTerminal } from '../../../lib/message/outcome.rule.js';
import { headerText } from '../../../lib/message/record.headers.js';
import type { LogRecord } from '../../../lib/message/record.js';
import type { Outcome } from '../../../lib/protocol/outcome.js';

/** Where a record stands; the topic is that of the run. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** The record of a client's command; there may be more than one. */
export interface WrittenCommand extends Place {
  readonly n: number;
  readonly key: string;
}

/** A record that ends a request. */
export interface WrittenEnding extends Place {
  readonly status: string;
  readonly run?: string;
}

export interface WrittenEvent extends Place {
  readonly id: string;
  readonly type: string;
  readonly n: number;
  readonly key: string;
}

/** A command that a service sent on behalf of a client's. */
export interface WrittenStep extends Place {
  readonly id: string;
  readonly n: number;
  readonly key: string;
}

/** What the log holds of a run, in the order of its partitions. */
export interface WrittenLog {
  /** By request. */
  readonly commands: ReadonlyMap<string, readonly WrittenCommand[]>;
  /** By request. */
  readonly endings: ReadonlyMap<string, readonly WrittenEnding[]>;
  readonly steps: readonly WrittenStep[];
  /** By partition. */
  readonly events: ReadonlyMap<number, readonly WrittenEvent[]>;
}

interface Growing {
  readonly commands: Map<string, WrittenCommand[]>;
  readonly endings: Map<string, WrittenEnding[]>;
  readonly steps: WrittenStep[];
  readonly events: Map<number, WrittenEvent[]>;
}

/** Reads the whole log of a topic. */
export async function readWrittenLog(log: MessageLog, topic: string): Promise<WrittenLog> {
  const written: Growing = { commands: new Map(), endings: new Map(), steps: [], events: new Map() };
  for (const { partition, start, end } of await log.offsets(topic)) {
    for await (const { records } of log.read({ topic, partition, from: start, to: end }))
      for (const record of records) note(written, record);
  }
  return written;
}

function note(written: Growing, record: LogRecord): void {
  const type = headerText(record.headers['ce_type']) ?? '';
  if (!/^(command|result|event)\./.test(type)) return; // what a fault wrote to make a lag
  const { id, breadCrumbs, payload } = decodeMessage(record);
  const place = { partition: record.partition, offset: Number(record.offset) };
  const key = record.key?.toString() ?? '';
  const { n } = numbers(payload.data);
  if (payload.kind === 'event') {
    const event = { ...place, id, type: type.slice('event.'.length), n, key };
    push(written.events, place.partition, event);
  } else if (payload.kind === 'command') noteCommand(written, breadCrumbs, { ...place, id, n, key });
  else if (isTerminal(record.headers)) {
    const { status, value } = payload.data as Outcome & { value?: unknown };
    push(written.endings, breadCrumbs.requestId!, { ...place, status, run: numbers(value).run });
  }
}

function noteCommand(
  written: Growing,
  { requestId, correlationId }: BreadCrumbs,
  { id, ...command }: WrittenStep,
): void {
  if (requestId === undefined) return;
  if (id === correlationId) push(written.commands, requestId, command);
  else written.steps.push({ id, ...command });
}

function numbers(data: unknown): { n: number; run?: string } {
  const { n = NaN, run } = (data ?? {}) as { n?: number; run?: string };
  return { n, ...(run !== undefined && { run }) };
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
