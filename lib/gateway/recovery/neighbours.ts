import type { RoutedRecord } from '../routing/routed.record.js';
import type { Session } from '../socket/session.js';

/** Records before the first one that a client needs, which others who went shortly before it need as well. */
export const NEIGHBOURS = 64;

/**
 * Makes the frames of what a client would want of the records just before the first one that it needs, where it is the first who needs
 * that one. Frames lie in the order in which they are made: would each who went a record earlier put his one behind all others, nobody's
 * were in a row.
 */
export function layOutNeighbours(session: Session, records: readonly RoutedRecord[], first: number): void {
  const event = records[first];
  if (event?.kind !== 'event' || event.isLaidOut) return;
  for (const near of records.slice(Math.max(0, first - NEIGHBOURS), first)) {
    if (near.kind === 'event' && session.wantsEvent(near.topic, near.type)) near.layOut();
  }
}
