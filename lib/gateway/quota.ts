/** How many of something each key holds, up to a limit. A key that holds nothing takes no memory. */
export class Quota {
  private readonly counts = new Map<string, number>();

  /** @param limit how many one key may hold */
  constructor(private readonly limit: number) {}

  /** How many keys hold something. */
  get size(): number {
    return this.counts.size;
  }

  /** Whether a key holds as many as it may. */
  isSpent(key: string): boolean {
    return this.heldBy(key) >= this.limit;
  }

  /** Counts one more, also above the limit: whether it may be, {@link isSpent} says before. Whatever is taken is released once. */
  take(key: string): void {
    this.counts.set(key, this.heldBy(key) + 1);
  }

  release(key: string): void {
    const left = this.heldBy(key) - 1;
    if (left > 0) this.counts.set(key, left);
    else this.counts.delete(key);
  }

  private heldBy(key: string): number {
    return this.counts.get(key) ?? 0;
  }
}
