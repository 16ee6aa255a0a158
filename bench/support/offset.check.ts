import type { At, Positions } from '../../lib/protocol/frames.js';

/**
 * Whether a client gets each record of a topic once and in order, over as many connections as it takes. For topics of events
 * only, where offsets have no gaps.
 */
export class OffsetCheck {
  private readonly next = new Map<number, number>();
  /** What came with the `welcome`, in the same piece, before anybody could read where the client stands. */
  private readonly early: At[] = [];
  private breaks = 0;

  constructor(private readonly topic: string) {}

  /** Begins where a gateway says that this client stands. */
  begin(positions: Positions): void {
    for (const [partition, offset] of Object.entries(positions[this.topic]!))
      this.next.set(Number(partition), Number(offset) + 1);
    for (const at of this.early.splice(0)) this.count(at);
  }

  /** Takes a broadcast frame. */
  readonly take = (buffer: Buffer, start: number, end: number): void => {
    const { data } = JSON.parse(buffer.toString('utf8', start, end)) as { data: { at: At } };
    if (this.next.size === 0) this.early.push(data.at);
    else this.count(data.at);
  };

  /** Where it goes on. */
  get positions(): Positions {
    const done = [...this.next].map(([partition, next]) => [String(partition), String(next - 1)]);
    return { [this.topic]: Object.fromEntries(done) as Record<string, string> };
  }

  /** How often a record came that was not the next one, and how many are missing up to the ends. */
  wrong(ends: ReadonlyMap<number, number>): number {
    const missing = [...ends].map(([partition, end]) => Math.abs(end - this.next.get(partition)!));
    return missing.reduce((sum, records) => sum + records, this.breaks);
  }

  private count([, partition, offset]: At): void {
    if (Number(offset) !== this.next.get(partition)) this.breaks++;
    this.next.set(partition, Number(offset) + 1);
  }
}
