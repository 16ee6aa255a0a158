import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../kafka-socket.error.js';
import type { LogTroubles } from './log.troubles.js';
import type { Assignment, GroupMember } from './message.log.js';

/** Pause before a reader that failed is asked again, in milliseconds. */
export const RETRY_PAUSE = 1_000;

/**
 * Tells a member of a partition until it takes it: a member that cannot now, for example because what it has to read first
 * is out of reach, is asked again.
 * @returns false where the partition was lost meanwhile
 */
export async function takeAssignment(
  group: string,
  member: GroupMember,
  assignment: Assignment,
  troubles: LogTroubles,
): Promise<boolean> {
  const { topic, partition, signal } = assignment;
  const part = `group ${group}, partition ${topic}/${partition}`;
  while (!signal.aborted) {
    try {
      await member.assigned(assignment);
      troubles.clear(part);
      return !signal.aborted;
    } catch (error) {
      if (signal.aborted) break;
      troubles.report(part, `Group ${group} does not read ${topic}/${partition} yet: ${messageOf(error)}`);
      await sleep(RETRY_PAUSE, undefined, { signal }).catch(() => undefined);
    }
  }
  troubles.forget(part);
  return false;
}
