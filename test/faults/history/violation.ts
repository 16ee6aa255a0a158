/**
 * - `lost`: what was promised did not come
 * - `double`: it came twice
 * - `disorder`: it came in another order than that of the log
 * - `false`: what somebody was told is not so
 * - `growth`: memory, handles or timers stay above their base line
 */
export type ViolationKind = 'lost' | 'double' | 'disorder' | 'false' | 'growth';

/** One promise that was not kept, in words. */
export interface Violation {
  readonly kind: ViolationKind;
  readonly text: string;
}

/** How many of each kind are kept in words; all are counted. */
const KEPT = 20;

/** Counts what was broken, and keeps the first of each kind. */
export class Violations {
  readonly counts: Record<ViolationKind, number> = { lost: 0, double: 0, disorder: 0, false: 0, growth: 0 };
  readonly first: Violation[] = [];

  add(kind: ViolationKind, text: string): void {
    this.counts[kind]++;
    if (this.counts[kind] <= KEPT) this.first.push({ kind, text });
  }
}
