import type { Assignment, GroupMember, MessageLog } from '../../lib/log/message.log.js';
import { isTerminal } from '../../lib/message/outcome.rule.js';
import type { ServiceRunner } from '../../lib/service/service.runner.js';

/**
 * A log as a service has it whose process ends right behind the first outcome that it writes: that one is there, and nothing that
 * comes after it, neither a record nor a commit.
 */
export function mortal(whole: MessageLog) {
  let dead = false;
  const log = Object.create(whole) as MessageLog;
  log.publish = async (record) => {
    if (dead) throw new Error('The process has ended.');
    const place = await whole.publish(record);
    dead ||= isTerminal(record.headers);
    return place;
  };
  log.consume = (group, topics, member, signal) => whole.consume(group, topics, doomed(member), signal);
  const doomed = (member: GroupMember): GroupMember => {
    const known = new Map<Assignment, Assignment>();
    return {
      assigned: (assignment) => {
        const own = Object.create(assignment) as Assignment;
        own.commit = (next, note) => void (dead || assignment.commit(next, note));
        known.set(assignment, own);
        return member.assigned(own);
      },
      batch: (assignment, batch) => member.batch(known.get(assignment)!, batch),
    };
  };
  return { log, die: (runner: ServiceRunner) => ((dead = true), runner.stop()) };
}
