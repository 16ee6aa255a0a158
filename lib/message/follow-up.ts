import type { BreadCrumbs } from './bread-crumbs.js';
import { messageId } from './message.id.js';
import type { Payload, PlatformMessage } from './platform-message.js';
import { traceHeaders } from './trace.headers.js';

/** What may differ between a message and what it follows from. */
export interface FollowUpOptions {
  /**
   * `none`: the command is carried out however late it is, as a compensation must be.
   * @default the deadline of the message being handled
   */
  readonly deadline?: 'none';
}

/**
 * Makes the message that follows from another: same request and client, caused by it. Without one it starts
 * something new and correlates to itself.
 */
export function followUp<P extends Payload>(
  cause: PlatformMessage | undefined,
  source: string,
  payload: P,
  options: FollowUpOptions = {},
): PlatformMessage<P> {
  const id = messageId();
  return { id, source, payload, breadCrumbs: crumbsAfter(cause, id, options), ...(cause && traceHeaders(cause)) };
}

function crumbsAfter(cause: PlatformMessage | undefined, id: string, options: FollowUpOptions): BreadCrumbs {
  if (!cause) return { correlationId: id, attempt: 1 };
  // `final` belongs to one result and is never inherited: else a nested command's answer would end the request. What follows
  // from a scheduled command was not scheduled itself.
  const { final: _final, due: _due, deadline, ...inherited } = cause.breadCrumbs;
  return {
    ...inherited,
    causationId: cause.id,
    attempt: 1,
    ...(options.deadline !== 'none' && deadline !== undefined && { deadline }),
  };
}
