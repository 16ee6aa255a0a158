/** How often something may happen: so many times a second, with bursts of twice as many. */
export class TokenBucket {
  private tokens: number;
  private filled: number;

  /**
   * @param rate tokens a second
   * @param now a monotonic clock, in milliseconds
   */
  constructor(
    private readonly rate: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.tokens = 2 * rate;
    this.filled = now();
  }

  /** Takes a token; false where there is none. */
  take(): boolean {
    const now = this.now();
    this.tokens = Math.min(2 * this.rate, this.tokens + ((now - this.filled) / 1_000) * this.rate);
    this.filled = now;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}
