import { createHash } from 'node:crypto';

/** Who asked, as others may know it: a name made from the session, which itself is nobody else's business. */
export function bidderName(sessionId: string | undefined): string {
  if (sessionId === undefined) return 'the house';
  return `bidder ${createHash('sha256').update(sessionId).digest('hex').slice(0, 6)}`;
}
