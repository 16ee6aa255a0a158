import type { Entry } from './entry.js';

/** A stretch of time, in milliseconds since the run began. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Sees for how long commands did not succeed, partition by partition: one that stands still does not show in the sum of all. */
export class StandstillWatch {
  /** By number, the partition of commands that were accepted and are not told yet. */
  private readonly partitions = new Map<number, number>();
  private readonly numbers = new Map<string, number>();
  /** By partition, when commands of it succeeded. */
  private readonly successes = new Map<number, number[]>();

  take(entry: Entry): void {
    if (entry.what === 'sent') this.numbers.set(entry.id, entry.n);
    else if (entry.what === 'accepted') this.accepted(entry.id, entry.at[1]);
    else if (entry.what === 'told') this.told(entry.n, entry.status, entry.t);
  }

  /** For how long nothing of a partition succeeded that had been of use before. */
  longest({ from, to }: Span): number {
    const gaps = [...this.successes.values()].filter(([first]) => first! <= from).map((times) => gap(times, from, to));
    return Math.max(0, ...gaps);
  }

  private accepted(id: string, partition: number): void {
    const n = this.numbers.get(id);
    if (n !== undefined) this.partitions.set(n, partition);
    this.numbers.delete(id);
  }

  private told(n: number, status: string, t: number): void {
    const partition = this.partitions.get(n);
    this.partitions.delete(n);
    if (status !== 'success' || partition === undefined) return;
    const times = this.successes.get(partition);
    if (times) times.push(t);
    else this.successes.set(partition, [t]);
  }
}

function gap(times: readonly number[], from: number, to: number): number {
  const within = [from, ...times.filter((t) => t > from && t < to), to];
  return within.reduce((longest, t, index) => Math.max(longest, t - (within[index - 1] ?? t)), 0);
}
