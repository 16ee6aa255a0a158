import { resultChannel, sealedFor } from '../../protocol/channels.js';
import type { ResultFrame, Sealed } from '../../protocol/frames.js';
import { MALFORMED_OUTCOME } from '../../message/outcome.value.js';
import { isOutcome } from '../../protocol/outcome.js';
import type { AccessRules } from '../access.rules.js';
import type { ResultSealer } from '../sealing/result.sealer.js';
import { atOf, type RequestOwner, type RoutedEvent, type RoutedRecord, type RoutedResult } from './routed.record.js';
import type { Session } from '../socket/session.js';
import { wireFrame } from '../socket/wire.frame.js';
import { delivering } from '../../tracing/deliver.span.js';

/** Decides what of a routed record one client gets, live or in recovery, by what it may see now. */
export class Delivery {
  constructor(
    private readonly sealer: ResultSealer,
    private readonly access: AccessRules,
  ) {}

  /**
   * The frame that carries a record to a session; undefined where it is not for it. An event's is the one for who catches up: live,
   * the router has it sent to all whom it is for.
   */
  frameFor(session: Session, record: RoutedRecord): Buffer | undefined {
    if (record.kind === 'result') return this.resultFrame(session, record);
    return session.wantsEvent(record.topic, record.type) && this.mayRead(session, record) ? record.layOut() : undefined;
  }

  /** Whether a session that wants an event may read it now. */
  mayRead(session: Session, event: RoutedEvent): boolean {
    return this.access.mayRead(event, session);
  }

  /** Seals a result for the session that it belongs to. */
  seal(session: Session, result: RoutedResult): Sealed {
    const aad = sealedFor(result.topic, session.id, result.owner.requestId);
    return delivering(result, () => this.sealer.seal(session.identity.publicKey, aad, outcomeIn(result.value)));
  }

  private resultFrame(session: Session, result: RoutedResult): Buffer | undefined {
    if (!ownsRequest(session, result.owner)) return undefined;
    const data: ResultFrame = {
      at: atOf(result),
      requestId: result.owner.requestId,
      sealed: this.seal(session, result),
    };
    return wireFrame(JSON.stringify({ event: resultChannel(result.topic, session.id), data }));
  }
}

/**
 * Whether a request is this socket's: same session, same key and, with authentication, same user. A session id and a
 * RequestId can be learnt from logs; the key and the user cannot be borrowed.
 */
export function ownsRequest(session: Session, owner: RequestOwner): boolean {
  return (
    owner.sessionId === session.id &&
    owner.publicKey === session.identity.publicKey &&
    subjectOf(owner.user) === session.claims?.sub
  );
}

/** As it stands, where it is one: it is sealed as text. */
function outcomeIn(value: Buffer): Buffer | string {
  try {
    if (isOutcome(JSON.parse(value.toString()))) return value;
  } catch {
    // not JSON: told below
  }
  return JSON.stringify(MALFORMED_OUTCOME);
}

function subjectOf(user: string | undefined): unknown {
  if (user === undefined) return undefined;
  try {
    return (JSON.parse(user) as { sub?: unknown } | null)?.sub;
  } catch {
    return null; // equals nobody's subject
  }
}
