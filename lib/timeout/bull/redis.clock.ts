/** What clocks may be apart that nothing compares, in milliseconds. */
const WITHOUT_CONTACT = 1_000;
/** Linux slews a clock by at most 500 ppm; two clocks may do so in opposite directions. */
const DRIFT = 2 * 500e-6;
/** Round trips of one measurement. The shortest is the most exact, and the first also pays for cold caches. */
const SAMPLES = 4;

/** Answers with seconds and microseconds, as Redis's command TIME does. */
export type AskTime = () => Promise<readonly (number | string)[]>;

/**
 * Redis's clock, seen from here: the one clock that all processes share. Corrects the local one by the difference at the
 * middle of a round trip.
 */
export class RedisClock {
  private offset = 0;
  private halfTrip = 0;
  private measuredAt?: number;

  /** @param local milliseconds since the epoch, by this machine */
  constructor(private readonly local: () => number) {}

  /** Milliseconds since the epoch by Redis's clock; by the local one as long as Redis was never asked. */
  now(): number {
    return Math.round(this.local() + this.offset);
  }

  /** Whether it was compared with Redis's yet. */
  get isMeasured(): boolean {
    return this.measuredAt !== undefined;
  }

  /** How far {@link now} may be from another process's, in milliseconds. */
  get skew(): number {
    if (this.measuredAt === undefined) return WITHOUT_CONTACT;
    const age = Math.abs(this.local() - this.measuredAt);
    return Math.min(WITHOUT_CONTACT, Math.ceil(2 * this.halfTrip + DRIFT * age));
  }

  /** How far the local clock is ahead of Redis's, in milliseconds; negative: behind. */
  get localAhead(): number {
    return -this.offset;
  }

  /** Compares the clocks anew. Rejects with whatever `ask` rejects with, and keeps what it knew. */
  async measure(ask: AskTime): Promise<void> {
    let best = await this.sample(ask);
    for (let i = 1; i < SAMPLES; i++) {
      const sample = await this.sample(ask);
      if (sample.halfTrip < best.halfTrip) best = sample;
    }
    this.offset = best.offset;
    this.halfTrip = best.halfTrip;
    this.measuredAt = this.local();
  }

  private async sample(ask: AskTime): Promise<{ offset: number; halfTrip: number }> {
    const before = this.local();
    const [seconds, microseconds] = await ask();
    const after = this.local();
    const redis = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    // The local clock counts whole milliseconds, hence the half.
    return { offset: redis - (before + after) / 2, halfTrip: (after - before) / 2 + 0.5 };
  }
}
