/**
 * How far a partition is finished without a gap. Records end in any order, but only what lies below the first unfinished one
 * may be committed: after a crash all from there on is read again.
 */
export class CommitWatermark {
  /** Offsets that were begun, lowest first, and whether they have ended. */
  private readonly open = new Map<bigint, boolean>();

  /** @param position the first offset that will be read */
  constructor(private position: bigint) {}

  /** Offset of the next record to read. */
  get read(): bigint {
    return this.position;
  }

  /** The offset that may be committed: all below it is finished. */
  get finished(): bigint {
    const first = this.open.keys().next();
    return first.done ? this.position : first.value;
  }

  /** Records that were begun and cannot be committed yet. */
  get uncommitted(): number {
    return this.open.size;
  }

  begin(offset: bigint): void {
    this.open.set(offset, false);
  }

  end(offset: bigint): void {
    this.open.set(offset, true);
    for (const [first, ended] of this.open) {
      if (!ended) return;
      this.open.delete(first);
    }
  }

  /** All below `next` was read; what of it was not begun is finished: others' records, gaps, control records. */
  passed(next: bigint): void {
    if (next > this.position) this.position = next;
  }
}
