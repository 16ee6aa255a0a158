import { decodeBreadCrumbs, encodeBreadCrumbs } from '../message/bread-crumbs.codec.js';
import type { BreadCrumbs } from '../message/bread-crumbs.js';
import { DEAD_LETTER_HEADERS } from '../message/dead-letter.headers.js';
import { messageIdOf } from '../message/message.id.js';
import { messageTypeOf } from '../message/message.type.js';
import { headerText } from '../message/record.headers.js';
import type { OutgoingRecord, RecordHeaders } from '../message/record.js';
import type { DeadLetter } from './dead-letter.js';

/**
 * The record that brings a dead letter back to where it came from: key and value as they are, without what was said about it.
 *
 * An event goes to the handler that gave it up and to no other, and keeps its id, as the commands of services do. A client's command
 * becomes another command, with an id that is the same however often it was given up and is replayed: its request has its outcome,
 * and no service would carry it out again under that name.
 * @param deadline of commands that had one, in milliseconds since the epoch
 */
export function replayOf(letter: DeadLetter, deadline: number): OutgoingRecord {
  const { key, value, headers } = letter.record;
  const { topic, partition } = letter.source;
  return {
    topic,
    ...(key === null && { partition }), // with a key the partition follows from it, as ever
    key,
    value,
    headers: { ...renewed(letter, withoutRemarks(headers), deadline), ...remarks(letter) },
  };
}

function withoutRemarks(headers: RecordHeaders): RecordHeaders {
  const known = new Set<string>(Object.values(DEAD_LETTER_HEADERS));
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !known.has(name)));
}

/** How often it went back, and, of an event, which handler it is for: the others were done with it. */
function remarks({ replays, handler, record }: DeadLetter): RecordHeaders {
  return {
    [DEAD_LETTER_HEADERS.replays]: String(replays + 1),
    ...(handler !== undefined &&
      messageTypeOf(record.headers)?.kind === 'event' && { [DEAD_LETTER_HEADERS.handler]: handler }),
  };
}

function renewed(letter: DeadLetter, headers: RecordHeaders, deadline: number): RecordHeaders {
  const crumbs = crumbsIn(headers);
  const kind = messageTypeOf(headers)?.kind;
  if (!crumbs || kind === undefined || kind === 'event') return headers;
  // An answer that came too late once. Gateways may have forgotten its request by now, and must not take it for the outcome.
  if (kind === 'result') return { ...headers, ce_breadcrumbs: encodeBreadCrumbs({ ...crumbs, final: false }) };
  const id = headerText(headers['ce_id'])!;
  const isRoot = id === crumbs.correlationId;
  // Nobody waits for it any more: no outcome is written for it, and no time-out taken back.
  const { reply: _reply, timeoutId: _timeoutId, ...kept } = crumbs;
  const travelling: BreadCrumbs = {
    ...kept,
    ...(isRoot && { causationId: id }),
    ...(crumbs.deadline !== undefined && { deadline }),
  };
  return {
    ...headers,
    ...(isRoot && { ce_id: idOf(letter) }),
    ce_breadcrumbs: encodeBreadCrumbs(travelling),
  };
}

/** Undefined where they cannot be read: then the record goes back as it came. */
function crumbsIn(headers: RecordHeaders): BreadCrumbs | undefined {
  const id = headerText(headers['ce_id']);
  if (id === undefined || id === '') return undefined;
  try {
    return decodeBreadCrumbs(headerText(headers['ce_breadcrumbs']) ?? '', id);
  } catch {
    return undefined;
  }
}

/**
 * A UUID of the command and of where it stood: the same for each letter that was written for it, which a crash may make two, and
 * for a replay that was cut off and begun again.
 */
function idOf({ source, record }: DeadLetter): string {
  return messageIdOf(`${headerText(record.headers['ce_id'])} ${source.topic}/${source.partition}/${source.offset}`);
}
