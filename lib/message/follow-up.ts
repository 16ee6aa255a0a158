import type { BreadCrumbs } from './bread-crumbs.js';
import { messageId } from './message.id.js';
import type { Payload, PlatformMessage } from './platform-message.js';

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
  return { id, source, payload, breadCrumbs: crumbsAfter(cause, id, options), ...trace(cause) };
}

function crumbsAfter(cause: PlatformMessage | undefined, id: string, options: FollowUpOptions): BreadCrumbs {
  if (!cause) return { correlationId: id, attempt: 1 };
  // `final` belongs to one result and is never inherited: else a nested command's answer would end the request.
  const { final: _final, deadline, ...inherited } = cause.breadCrumbs;
  return {
    ...inherited,
    causationId: cause.id,
    attempt: 1,
    ...(options.deadline !== 'none' && deadline !== undefined && { deadline }),
  };
}

function trace(cause: PlatformMessage | undefined): { traceparent?: string } {
  return cause?.traceparent === undefined ? {} : { traceparent: cause.traceparent };
}
