import { decodeBreadCrumbs, encodeBreadCrumbs } from './bread-crumbs.codec.js';
import type { Command } from './command.js';
import { followUp } from './follow-up.js';
import type { PlatformMessage } from './platform-message.js';

/** When a scheduled command is due, and how long after that it may be carried out. */
export interface Schedule {
  /** Id of its message: the same however often it is published. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly due: number;
  /** Milliseconds; undefined: it is carried out however late it is. */
  readonly ttl?: number;
}

/**
 * The command that is to be sent later. It follows from the message during which it was scheduled, and is no part of that
 * one's request: the client has its outcome by then, so whose it was, where it belongs and how long it may take stay behind.
 * Who asked (`user`) and what the application adds travel on.
 */
export function scheduledCommand(
  cause: PlatformMessage | undefined,
  source: string,
  payload: Command,
  { id, due, ttl }: Schedule,
): PlatformMessage<Command> {
  const message = followUp(cause, source, payload, { deadline: 'none' });
  const {
    requestId: _requestId,
    sessionId: _sessionId,
    publicKey: _publicKey,
    timeoutId: _timeoutId,
    reply: _reply,
    ...kept
  } = message.breadCrumbs;
  const correlationId = cause ? kept.correlationId : id;
  const deadline = ttl === undefined ? {} : { deadline: due + ttl };
  return { ...message, id, breadCrumbs: { ...kept, correlationId, ...deadline, due } };
}

/** The headers of the same command at another time, as another message. */
export function headersAt(
  headers: Readonly<Record<string, string>>,
  { id, due }: Pick<Schedule, 'id' | 'due'>,
): Readonly<Record<string, string>> {
  const before = headers['ce_id'] ?? '';
  const crumbs = decodeBreadCrumbs(headers['ce_breadcrumbs'] ?? '', before);
  const deadline =
    crumbs.deadline === undefined || crumbs.due === undefined ? {} : { deadline: crumbs.deadline - crumbs.due + due };
  // One that nothing caused correlates to itself.
  const correlationId = crumbs.correlationId === before ? id : crumbs.correlationId;
  return {
    ...headers,
    ce_id: id,
    ce_breadcrumbs: encodeBreadCrumbs({ ...crumbs, correlationId, ...deadline, due }),
  };
}
