/**
 * How far a partition is finished without a gap. Records end in any order, but only what lies below the first unfinished one
 * may be committed: after a crash all from there on is read again.
 */
export class CommitWatermark {
  /** Offsets that were begun, lowest first, and whether they have ended. */
  private open = new Map<bigint, boolean>();
  /** All below it has ended, whatever is read again. */
  private settled: bigint;
  /** What else has ended and was not read again yet. */
  private ahead = new Set<bigint>();

  /** @param position the first offset that will be read */
  constructor(private position: bigint) {
    this.settled = position;
  }

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
    this.open.set(offset, offset < this.settled || this.ahead.delete(offset));
    this.passed(offset + 1n);
    this.advance();
  }

  end(offset: bigint): void {
    if (this.open.has(offset)) this.open.set(offset, true);
    else if (offset >= this.position) this.ahead.add(offset);
    this.advance();
  }

  /** Whether a record that was read has ended. */
  hasEnded(offset: bigint): boolean {
    return offset < this.position && this.open.get(offset) !== false;
  }

  /** All below `next` was read; what of it was not begun is finished: others' records, gaps, control records. */
  passed(next: bigint): void {
    if (next > this.position) this.position = next;
  }

  /**
   * The partition was lost and has come back, and is read again from here. What has ended is not forgotten, nor what will:
   * a handler that was at work when the partition was lost may still be.
   */
  rewind(position: bigint): void {
    if (this.finished > this.settled) this.settled = this.finished;
    const ended = [...this.open].filter(([, done]) => done).map(([offset]) => offset);
    this.ahead = new Set([...this.ahead, ...ended].filter((offset) => offset >= position));
    this.open = new Map();
    this.position = position;
  }

  private advance(): void {
    for (const [first, ended] of this.open) {
      if (!ended) return;
      this.open.delete(first);
    }
  }
}
