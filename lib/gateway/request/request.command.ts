import { hash } from 'node:crypto';
import type { ReplyAddress } from '../../message/bread-crumbs.js';
import { encodeBreadCrumbs, finalBreadCrumbs } from '../../message/bread-crumbs.codec.js';
import { encodeMessage } from '../../message/cloud-events.codec.js';
import type { Command } from '../../message/command.js';
import type { CommandResult } from '../../message/command.result.js';
import { messageId } from '../../message/message.id.js';
import { askingProgress } from '../../message/progress.js';
import type { PlatformMessage } from '../../message/platform-message.js';
import { type TraceHeaders, traceHeaders } from '../../message/trace.headers.js';
import { timeoutId } from '../../message/request.identity.js';
import type { ClientFrames } from '../../protocol/frames.js';
import type { Timeout } from '../../timeout/timeout.scheduler.js';
import type { Session } from '../socket/session.js';

const SOURCE = '/gateway';
/** Crumbs of a command whose client wants to be told of its progress. */
const ASKING_PROGRESS = askingProgress();

/**
 * Turns a request into the command that starts its process: the first message, which correlates to itself.
 * @param trace that it belongs to
 */
export function commandOf(
  session: Session,
  request: ClientFrames['request'],
  deadline: number,
  reply: ReplyAddress,
  trace: TraceHeaders,
): PlatformMessage<Command> {
  const id = messageId();
  const { requestId } = request;
  const { id: sessionId, publicKey } = session.identity;
  return {
    id,
    source: SOURCE,
    ...trace,
    breadCrumbs: {
      requestId,
      sessionId,
      publicKey,
      correlationId: id,
      deadline,
      timeoutId: timeoutId(sessionId, publicKey, requestId, deadline),
      reply,
      attempt: 1,
      ...(session.claims && { user: JSON.stringify(session.claims) }),
      ...(request.progress && ASKING_PROGRESS),
    },
    payload: { kind: 'command', name: request.command, data: request.payload },
  };
}

/**
 * The time-out of a command that a client sent: a result like any other, which ends the request if it is the first to do so.
 * @param crumbs of the command, where they are written already
 */
export function timeoutOf(
  command: Pick<PlatformMessage, 'id' | 'breadCrumbs' | keyof TraceHeaders>,
  name: string,
  crumbs = encodeBreadCrumbs({ ...command.breadCrumbs, causationId: undefined, final: undefined }),
): Timeout | undefined {
  const { reply, timeoutId: id, deadline, sessionId } = command.breadCrumbs;
  if (!reply || id === undefined || deadline === undefined || sessionId === undefined) return undefined;
  const payload: CommandResult = {
    kind: 'result',
    name,
    data: { status: 'timeout', code: 'TIMEOUT', message: `"${name}" was not finished before its deadline.` },
  };
  const message = {
    ...traceHeaders(command),
    id: messageId(),
    source: SOURCE,
    breadCrumbs: command.breadCrumbs,
    payload,
  };
  const encoded = encodeMessage(message, finalBreadCrumbs(crumbs, command.id));
  return { id, deadline, record: { ...reply, key: sessionId, ...encoded } };
}

/** Topic, command, key and payload as one digest: whether the same RequestId asks for the same thing. */
export function fingerprintOf(topic: string, command: string, key: string, payload: string): string {
  return hash('sha256', [topic, command, key, payload].join('\0'), 'binary');
}
