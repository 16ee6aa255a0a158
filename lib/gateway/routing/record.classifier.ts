import { decodeBreadCrumbs } from '../../message/bread-crumbs.codec.js';
import type { BreadCrumbs } from '../../message/bread-crumbs.js';
import { messageTypeOf } from '../../message/message.type.js';
import { isTerminal } from '../../message/outcome.rule.js';
import { headerText } from '../../message/record.headers.js';
import type { LogRecord } from '../../message/record.js';
import { requestIdentity } from '../../message/request.identity.js';
import type { BroadcastRules } from './broadcast.rules.js';
import { FrameSlab } from '../socket/frame.slab.js';
import { routedEvent, routedResult, type RoutedRecord } from './routed.record.js';

/**
 * What a record is to clients, by its headers; undefined where it is nothing to any of them. Never throws: whatever stands in
 * the log, the next record must be reached.
 * @param slab where its frame will lie, if it gets one
 * @param type what the record is, where the caller has read it already
 */
export function classify(
  record: LogRecord,
  rules: BroadcastRules,
  slab = new FrameSlab(),
  type = messageTypeOf(record.headers),
): RoutedRecord | undefined {
  if (type?.kind === 'event') {
    const content = rules.contentOf(type.name);
    return content && routedEvent(record, type.name, content, slab);
  }
  if (!isTerminal(record.headers, type)) return undefined;
  const crumbs = readCrumbs(record);
  const identity = crumbs && requestIdentity(crumbs);
  return identity === undefined ? undefined : routedResult(record, crumbs!, identity);
}

/** A message's id, by its headers alone. */
export function idOf({ headers }: LogRecord): string {
  return headerText(headers['ce_id']) ?? '';
}

/** The crumbs of a record; undefined where they are not readable, since anyone may write into a topic. */
export function readCrumbs(record: LogRecord): BreadCrumbs | undefined {
  try {
    return decodeBreadCrumbs(headerText(record.headers['ce_breadcrumbs']) ?? '', idOf(record));
  } catch {
    return undefined;
  }
}
