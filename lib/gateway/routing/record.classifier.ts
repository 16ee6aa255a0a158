import { decodeBreadCrumbs } from '../../message/bread-crumbs.codec.js';
import type { BreadCrumbs } from '../../message/bread-crumbs.js';
import { messageTypeOf } from '../../message/message.type.js';
import { isTerminal } from '../../message/outcome.rule.js';
import { headerText } from '../../message/record.headers.js';
import type { LogRecord } from '../../message/record.js';
import { requestIdentity } from '../../message/request.identity.js';
import type { BroadcastRules } from './broadcast.rules.js';
import { routedEvent, routedResult, type RoutedRecord } from './routed.record.js';

/**
 * What a record is to clients, by its headers; undefined where it is nothing to any of them. Never throws: whatever stands in
 * the log, the next record must be reached.
 */
export function classify(record: LogRecord, rules: BroadcastRules): RoutedRecord | undefined {
  const type = messageTypeOf(record.headers);
  if (type?.kind === 'event') {
    const content = rules.contentOf(type.name);
    return content && routedEvent(record, type.name, content);
  }
  if (type?.kind !== 'result' || !isTerminal(record.headers)) return undefined;
  const crumbs = readCrumbs(record);
  const identity = crumbs && requestIdentity(crumbs);
  return identity === undefined ? undefined : routedResult(record, crumbs!, identity);
}

/** The crumbs of a record; undefined where they are not readable, since anyone may write into a topic. */
export function readCrumbs(record: LogRecord): BreadCrumbs | undefined {
  try {
    return decodeBreadCrumbs(headerText(record.headers['ce_breadcrumbs']) ?? '', '');
  } catch {
    return undefined;
  }
}
