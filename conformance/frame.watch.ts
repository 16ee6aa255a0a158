import { type ReceivedFrame, wrongWith } from './frame.shapes.js';

type Positions = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface Recovered {
  readonly topic: string;
  readonly complete: boolean;
  readonly count: number;
}

/**
 * Looks at every frame that a socket receives, whatever a test is about, and notes what no gateway may ever do: records out of
 * order or twice, positions that run ahead of their frames or go back, a second outcome, a count that does not add up.
 */
export class FrameWatch {
  /** Each begins with the rule that was broken. */
  readonly violations: string[] = [];
  /** By partition, the last offset that was delivered, and the last position that was named. */
  private readonly delivered = new Map<string, bigint>();
  private readonly named = new Map<string, bigint>();
  private readonly outcomes = new Map<string, string>();
  /** Results and broadcasts of each topic since the welcome. */
  private readonly counts = new Map<string, number>();
  /** Topics whose `recovered` has not come yet; undefined before the welcome. */
  private recovering: Set<string> | undefined;
  private asked: Positions = {};
  /** By topic, a record that came though the hello said that it is done with. Right only where the log is another one. */
  private readonly overlaps = new Map<string, string>();

  constructor(private readonly sessionId: string) {}

  /** A hello goes out. */
  greeted(hello: unknown): void {
    const { positions } = (hello ?? {}) as { positions?: unknown };
    this.asked = typeof positions === 'object' && positions !== null ? (positions as Positions) : {};
  }

  received(frame: ReceivedFrame): void {
    const wrong = wrongWith(frame, this.sessionId);
    this.violations.push(...wrong);
    if (wrong.length > 0) return;
    const { event, data } = frame;
    if (event === 'welcome') this.welcome(data.positions as Positions);
    else if (event === 'recovered') this.recovered(data as Recovered);
    else if (event === 'error' && !this.recovering) return;
    else if (!this.recovering) this.note('welcome.1', `"${event}" came before the welcome`);
    else if (event.startsWith('socket/')) this.record(frame);
    else if (data.positions) this.advance(data.positions as Positions);
  }

  private welcome(positions: Positions): void {
    if (this.recovering) this.note('welcome.1', 'a second welcome came');
    this.recovering = new Set(Object.keys(this.asked));
    this.advance(positions);
  }

  private recovered({ topic, complete, count }: Recovered): void {
    const sent = this.counts.get(topic) ?? 0;
    const overlap = this.overlaps.get(topic);
    if (!this.recovering?.delete(topic))
      this.note('recovery.3', `"recovered" of ${topic}, which nobody asked for, or twice`);
    if (count !== sent) this.note('recovery.4', `"recovered" counts ${count} frames of ${topic}, and ${sent} came`);
    if (complete && overlap !== undefined) this.note('recovery.5', `${overlap} came, and the hello was done with it`);
  }

  private record({ event, data }: ReceivedFrame): void {
    const [topic, partition, text] = data.at as [string, number, string];
    const place = `${topic}/${partition}`;
    const offset = BigInt(text);
    const last = this.delivered.get(place);
    if (last !== undefined && offset <= last) this.note('order.2', `${place}@${offset} came after ${place}@${last}`);
    const asked = this.asked[topic]?.[partition];
    if (asked !== undefined && offset <= BigInt(asked)) this.overlaps.set(topic, `${place}@${offset}`);
    const position = this.named.get(place);
    if (position !== undefined && offset <= position)
      this.note('position.1', `${place}@${offset} came after the position ${position} was named`);
    this.delivered.set(place, offset);
    this.counts.set(topic, (this.counts.get(topic) ?? 0) + 1);
    if (!event.endsWith('/broadcast')) this.outcome(data.requestId as string, `${place}@${offset}`);
  }

  private outcome(requestId: string, place: string): void {
    const first = this.outcomes.get(requestId);
    if (first !== undefined) this.note('outcome.1', `request ${requestId} has outcomes at ${first} and at ${place}`);
    this.outcomes.set(requestId, place);
  }

  private advance(positions: Positions): void {
    for (const [topic, partitions] of Object.entries(positions)) {
      for (const [partition, text] of Object.entries(partitions))
        this.advanceOne(`${topic}/${partition}`, BigInt(text));
    }
  }

  private advanceOne(place: string, offset: bigint): void {
    const before = this.named.get(place);
    if (before !== undefined && offset < before)
      this.note('position.1', `the position of ${place} went back from ${before} to ${offset}`);
    const last = this.delivered.get(place);
    if (last !== undefined && offset < last)
      this.note('position.1', `the position ${offset} of ${place} was named after ${place}@${last} had come`);
    this.named.set(place, offset);
  }

  private note(rule: string, what: string): void {
    this.violations.push(`[${rule}] ${what}`);
  }
}
