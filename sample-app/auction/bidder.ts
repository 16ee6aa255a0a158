import { createHash } from 'node:crypto';
import type { BreadCrumbs, PlatformMessage } from 'nestjs-kafka-socket';

/** Who asked, as others may know it: a name made from the session, which itself is nobody else's business. */
export function bidderOf({ breadCrumbs }: Pick<PlatformMessage, 'breadCrumbs'>): string {
  return bidderName(breadCrumbs.sessionId);
}

/** The same from the session alone. */
export function bidderName(sessionId: BreadCrumbs['sessionId']): string {
  if (sessionId === undefined) return 'the house';
  return `bidder ${createHash('sha256').update(sessionId).digest('hex').slice(0, 6)}`;
}
