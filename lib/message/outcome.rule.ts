import type { BreadCrumbs } from './bread-crumbs.js';
import { decodeBreadCrumbs, peekBreadCrumb } from './bread-crumbs.codec.js';
import { messageTypeOf } from './message.type.js';
import type { PlatformMessage } from './platform-message.js';
import { headerText } from './record.headers.js';
import type { RecordHeaders } from './record.js';
import { requestIdentity } from './request.identity.js';

/**
 * Whether a record ends a request. The first such record of a request in its reply partition is the outcome, for
 * every reader; all later ones are dropped. Only a result that says `final` counts: the root command's own answer, an
 * explicit reply, or the time-out. The answer of a nested command ends nothing.
 * @param type what the record is, where the caller has read it already: this is asked of every record
 */
export function isTerminal(headers: RecordHeaders, type = messageTypeOf(headers)): boolean {
  if (type?.kind !== 'result') return false;
  return peekBreadCrumb(headerText(headers['ce_breadcrumbs']) ?? '', 'final') === '1';
}

/**
 * The request that a record ends, by its identity; undefined where it ends none. Never throws: whatever stands in the log, the
 * next record must be reached.
 * @param type as {@link isTerminal} has it
 */
export function endedRequest(headers: RecordHeaders, type = messageTypeOf(headers)): string | undefined {
  if (!isTerminal(headers, type)) return undefined;
  try {
    const text = headerText(headers['ce_breadcrumbs']) ?? '';
    return requestIdentity(decodeBreadCrumbs(text, headerText(headers['ce_id']) ?? ''));
  } catch {
    return undefined;
  }
}

/** Whether a command is the one that the client sent, and not one that a service sent on its behalf. */
export function isRootCommand(message: Pick<PlatformMessage, 'id' | 'breadCrumbs'>): boolean {
  return message.id === message.breadCrumbs.correlationId;
}

/** Whether a client waits for this request's outcome. */
export function isAwaited(crumbs: BreadCrumbs): boolean {
  return crumbs.requestId !== undefined && crumbs.reply !== undefined;
}
