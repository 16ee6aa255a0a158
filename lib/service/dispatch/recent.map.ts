/**
 * A map that forgets: what was set is known for at least `window`, and for at most twice that. Two halves take turns, so
 * forgetting costs nothing; a timer or a date for each entry would cost more than the entry.
 */
export class RecentMap<V> {
  private young = new Map<string, V>();
  private old = new Map<string, V>();
  private turned: number;

  /**
   * @param window milliseconds
   * @param limit entries at most; above it the oldest go before their time
   * @param now any clock, in milliseconds
   */
  constructor(
    private readonly window: number,
    private readonly limit: number,
    private readonly now: () => number,
  ) {
    this.turned = now();
  }

  get(key: string): V | undefined {
    return this.young.get(key) ?? this.old.get(key);
  }

  set(key: string, value: V): void {
    this.turn();
    this.young.set(key, value);
  }

  private turn(): void {
    const now = this.now();
    if (now - this.turned < this.window && this.young.size < this.limit / 2) return;
    // After a pause of two windows both halves are too old.
    this.old = now - this.turned < 2 * this.window ? this.young : new Map<string, V>();
    this.young = new Map();
    this.turned = now;
  }
}
