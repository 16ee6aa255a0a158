/** How many hostile things ended how. */
export class Endings {
  private readonly counts = new Map<string, number>();

  note(ending: string): void {
    this.counts.set(ending, (this.counts.get(ending) ?? 0) + 1);
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  of(ending: string): number {
    return this.counts.get(ending) ?? 0;
  }

  get names(): string[] {
    return [...this.counts.keys()].sort();
  }

  /** The commonest first. */
  toString(): string {
    return [...this.counts]
      .sort(([, a], [, b]) => b - a)
      .map(([ending, count]) => `${ending} ${count}`)
      .join(', ');
  }
}
