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
/** Sockets to brokers come and go with leaders and coordinators: so many more for each process. */
const HANDLES = 10;
/** Pauses and renewals that are just under way, for each process. */
const TIMERS = 20;

/**
 * Memory, handles and timers return to the base line. A process that was started anew has none of its own, so its memory is held against
 * the highest of its role: all of them have served the same clients. Handles and timers are held against those of the whole role: clients
 * have gone from one gateway to another meanwhile.
 */
export function checkUse(before: readonly MemberUse[], after: readonly MemberUse[], violations: Violations): void {
  for (const role of new Set(after.map((one) => one.role))) {
    const [old, now] = [before, after].map((all) => all.filter((one) => one.role === role)) as [
      MemberUse[],
      MemberUse[],
    ];
    const base = Math.max(...old.map(({ heap }) => heap));
    for (const { member, heap } of now) {
      if (heap > base + HEAP)
        violations.add('growth', `${member} holds ${heap} bytes after the load; before it ${base} were the most`);
    }
    for (const [what, tolerance] of [
      ['handles', HANDLES],
      ['timers', TIMERS],
    ] as const) {
      const [had, has] = [sumOf(old, what), sumOf(now, what)];
      if (has > had + tolerance * now.length)
        violations.add('growth', `all of role ${role} hold ${has} ${what} after the load, and held ${had} before it`);
    }
  }
}

function sumOf(uses: readonly MemberUse[], what: 'handles' | 'timers'): number {
  return uses.reduce((sum, one) => sum + one[what], 0);
}
