import { messageOf } from '../../kafka-socket.error.js';
import { isProgress, progressIn, wantsProgress } from '../../message/progress.js';
import type { LogRecord } from '../../message/record.js';
import { requestIdentity } from '../../message/request.identity.js';
import type { RequestLedger } from '../request/request.ledger.js';
import type { SessionRegistry } from '../socket/session.registry.js';
import { ownsRequest } from './delivery.js';
import { readCrumbs } from './record.classifier.js';
import { atOf } from './routed.record.js';

/**
 * Tells clients how far their requests are. It is news and nothing else: whoever is not live when it passes is not told later, and no
 * position depends on it.
 */
export class ProgressTeller {
  constructor(
    private readonly sessions: SessionRegistry,
    private readonly ledger: Pick<RequestLedger, 'get'>,
    private readonly warn: (message: string) => void,
  ) {}

  /** Takes a record that is no message. @returns whether it was told to anybody; never throws, whatever stands in the record */
  tell(record: LogRecord): boolean {
    if (!isProgress(record.headers)) return false;
    try {
      return this.tellOwners(record);
    } catch (error) {
      this.warn(`The progress at ${atOf(record).join('/')} was passed by: ${messageOf(error)}`);
      return false;
    }
  }

  private tellOwners(record: LogRecord): boolean {
    const crumbs = readCrumbs(record);
    const identity = crumbs && requestIdentity(crumbs);
    // Of what has its outcome there is no more progress, for example of a command that timed out over its back-off.
    if (identity === undefined || !wantsProgress(crumbs!) || this.ledger.get(identity)?.outcome) return false;
    const progress = progressIn(record);
    if (!progress) return false;
    const { sessionId, publicKey, requestId, user } = crumbs as Required<typeof crumbs & object>;
    let told = false;
    for (const session of this.sessions.withId(sessionId)) {
      if (!ownsRequest(session, { sessionId, publicKey, requestId, user }) || !session.takes(record)) continue;
      session.send('progress', { at: atOf(record), requestId, ...progress });
      told = true;
    }
    return told;
  }
}
