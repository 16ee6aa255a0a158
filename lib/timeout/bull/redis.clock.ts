/** What clocks may be apart that nothing compares, in milliseconds. */
const WITHOUT_CONTACT = 1_000;
/** Linux slews a clock by at most 500 ppm; two clocks may do so in opposite directions. */
const DRIFT = 2 * 500e-6;
/** Round trips of one measurement. The shortest is the most exact, and the first also pays for cold caches. */
const SAMPLES = 4;

/** Answers with seconds and microseconds, as Redis's command TIME does. */
export type AskTime = () => Promise<readonly (number | string)[]>;

/** What one round trip told. */
interface Sample {
  /** By how much Redis's clock is ahead of `performance.now()`, in milliseconds. */
  readonly offset: number;
  readonly halfTrip: number;
  /** By `performance.now()`. */
  readonly at: number;
}

/**
 * Redis's clock, seen from here: the one clock that all processes share. Told by a round trip, and from then on by the time that has
 * passed since, not by this machine's clock: where that is set meanwhile, deadlines do not move with it.
 */
export class RedisClock {
  private measured?: Sample;
  private ahead = 0;

  /** @param local milliseconds since the epoch, by this machine */
  constructor(private readonly local: () => number) {}

  /** Milliseconds since the epoch by Redis's clock; by the local one as long as Redis was never asked. */
  now(): number {
    return Math.round(this.measured ? performance.now() + this.measured.offset : this.local());
  }

  /** Whether it was compared with Redis's yet. */
  get isMeasured(): boolean {
    return this.measured !== undefined;
  }

  /** How far {@link now} may be from another process's, in milliseconds. */
  get skew(): number {
    if (!this.measured) return WITHOUT_CONTACT;
    const { halfTrip, at } = this.measured;
    return Math.min(WITHOUT_CONTACT, Math.ceil(2 * halfTrip + DRIFT * (performance.now() - at)));
  }

  /** How far the local clock was ahead of Redis's when they were compared, in milliseconds; negative: behind. */
  get localAhead(): number {
    return this.ahead;
  }

  /** Compares the clocks anew. Rejects with whatever `ask` rejects with, and keeps what it knew. */
  async measure(ask: AskTime): Promise<void> {
    let best = await this.sample(ask);
    for (let i = 1; i < SAMPLES; i++) {
      const sample = await this.sample(ask);
      if (sample.halfTrip < best.halfTrip) best = sample;
    }
    this.measured = best;
    this.ahead = this.local() - this.now();
  }

  private async sample(ask: AskTime): Promise<Sample> {
    const before = performance.now();
    const [seconds, microseconds] = await ask();
    const at = performance.now();
    const redis = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    // Whole milliseconds are told, hence the half.
    return { offset: redis - (before + at) / 2, halfTrip: (at - before) / 2 + 0.5, at };
  }
}
