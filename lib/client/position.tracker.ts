import type { At, GatewayFrames, Positions, RecoveryReason } from '../protocol/frames.js';

type Offsets = Map<string, bigint>;

/** A topic whose missed records are on their way. */
interface Recovering {
  /** What this client was done with when it said hello. */
  readonly asked: ReadonlyMap<string, bigint>;
  /** Where live delivery begins, by the `welcome`. Counts once all that was missed is here. */
  readonly live: Readonly<Record<string, string>>;
}

/**
 * What this client is done with, by topic and partition, so that it can go on where it was at any gateway. Offsets mean
 * something within one epoch only, and never go back within it.
 */
export class PositionTracker {
  readonly #done = new Map<string, Offsets>();
  readonly #recovering = new Map<string, Recovering>();
  /** Topics of which something is left out, and why, until it was told: the gateway that leaves it out may be gone before. */
  readonly #incomplete = new Map<string, RecoveryReason>();
  #epoch: string | undefined;

  /** Names the log that the positions belong to. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  /** Whether something that was missed is still on its way. */
  get recovering(): boolean {
    return this.#recovering.size > 0;
  }

  /** The positions as a `hello` sends them. */
  snapshot(): Positions {
    const positions: [topic: string, partitions: Record<string, string>][] = [];
    for (const [topic, offsets] of this.#done) {
      const partitions = [...offsets].map(([partition, offset]) => [partition, String(offset)] as const);
      // A topic that is named without a partition would be read from its start.
      if (partitions.length > 0) positions.push([topic, Object.fromEntries(partitions)]);
    }
    return Object.fromEntries(positions);
  }

  /**
   * A gateway takes over.
   * @param live where live delivery begins
   * @param asked the topics of the hello's positions: what was missed in them comes before it is `recovered`
   */
  begin(epoch: string, live: Positions, asked: readonly string[]): void {
    const sameLog = epoch === this.#epoch;
    if (!sameLog) this.#done.clear();
    this.#epoch = epoch;
    this.#recovering.clear();
    for (const topic of asked) {
      if (!sameLog) this.#incomplete.set(topic, 'epoch');
      this.#recovering.set(topic, { asked: new Map(this.#done.get(topic)), live: (sameLog && live[topic]) || {} });
    }
    for (const [topic, partitions] of Object.entries(live)) {
      if (!sameLog || !this.#recovering.has(topic)) this.#advance(topic, partitions);
    }
  }

  /** Takes note of a frame's place. False: this client is done with it already, so the frame is dropped. */
  pass([topic, partition, text]: At): boolean {
    const offset = BigInt(text);
    const offsets = this.#offsetsOf(topic);
    const done = offsets.get(String(partition));
    if (done !== undefined && offset <= done) return false;
    offsets.set(String(partition), offset);
    return true;
  }

  /**
   * Takes over positions that the gateway names. They are true while what was missed is on its way, too: without them, who
   * misses a long stretch that holds little for it would begin at the same place for ever.
   * @returns whether one of them was news
   */
  merge(positions: Positions): boolean {
    let rose = false;
    for (const [topic, partitions] of Object.entries(positions)) rose = this.#advance(topic, partitions) || rose;
    return rose;
  }

  /** Something of a topic is left out. What comes next lies behind it, so the next gateway will not know. */
  incomplete(topic: string, reason: RecoveryReason): void {
    this.#incomplete.set(topic, reason);
  }

  /**
   * All that was missed in a topic is here.
   * @returns what is to be told: what a gateway before left out is missing, too
   */
  recovered(recovered: GatewayFrames['recovered']): GatewayFrames['recovered'] {
    const { topic } = recovered;
    const reason = recovered.reason ?? this.#incomplete.get(topic);
    this.#incomplete.delete(topic);
    const recovering = this.#recovering.get(topic);
    if (recovering) {
      this.#recovering.delete(topic);
      if (recovered.reason === 'future') this.#comeBack(topic, recovering);
      this.#advance(topic, recovering.live);
    }
    return reason === undefined ? recovered : { ...recovered, complete: false, reason };
  }

  /** We claimed to be done with records that do not exist, so those that will take their offsets are new to us. */
  #comeBack(topic: string, { asked, live }: Recovering): void {
    const offsets = this.#offsetsOf(topic);
    for (const [partition, offset] of asked) {
      const start = live[partition];
      if (start === undefined) offsets.delete(partition);
      else if (BigInt(start) < offset) offsets.set(partition, BigInt(start));
    }
  }

  /** @returns whether a position rose */
  #advance(topic: string, partitions: Readonly<Record<string, string>>): boolean {
    const offsets = this.#offsetsOf(topic);
    let rose = false;
    for (const [partition, text] of Object.entries(partitions)) {
      const offset = BigInt(text);
      const done = offsets.get(partition);
      if (done !== undefined && offset <= done) continue;
      offsets.set(partition, offset);
      rose = true;
    }
    return rose;
  }

  #offsetsOf(topic: string): Offsets {
    const offsets = this.#done.get(topic) ?? new Map<string, bigint>();
    this.#done.set(topic, offsets);
    return offsets;
  }
}
