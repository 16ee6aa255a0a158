import type { Violations } from './violation.js';

/** What a process holds while nobody asks it for anything. */
export interface MemberUse {
  readonly member: string;
  readonly role: string;
  /** Bytes, after the garbage was collected. */
  readonly heap: number;
  /** Bytes. */
  readonly rss: number;
  /** Sockets, servers and pipes. */
  readonly handles: number;
  readonly timers: number;
}

/**
 * Bytes that a process may hold more: what a gateway keeps of its last records on purpose (a ring and a cache of 1 MiB each, and 4 MiB
 * beside the ring while somebody catches up), what is remembered of the requests of the last minute, and code that was compiled meanwhile.
 */
const HEAP = 24 * 1_024 * 1_024;
/** Sockets to brokers that come and go with leaders and coordinators: one each to three brokers, for each of the five that connect. */
const HANDLES = 15;
/** One for each socket that is new, and for pauses that end by themselves. */
const TIMERS = 30;

/**
 * Memory, handles and timers return to the base line. A process that was started anew has none of its own, so each is held against
 * the highest of its role: all of them have served the same clients.
 */
export function checkUse(before: readonly MemberUse[], after: readonly MemberUse[], violations: Violations): void {
  for (const { member, role, ...use } of after) {
    const peers = before.filter((one) => one.role === role);
    const grown = (what: 'heap' | 'handles' | 'timers', tolerance: number): void => {
      const base = Math.max(...peers.map((one) => one[what]));
      if (use[what] <= base + tolerance) return;
      violations.add('growth', `${member} holds ${use[what]} (${what}) after the load, and held ${base} before it`);
    };
    grown('heap', HEAP);
    grown('handles', HANDLES);
    grown('timers', TIMERS);
  }
}
