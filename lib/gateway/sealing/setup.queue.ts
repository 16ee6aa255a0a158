import type { ResultSealer } from './result.sealer.js';

/** Set-ups in one turn of the event loop: together less than a millisecond. */
const PER_TURN = 4;

/**
 * Makes set-ups before results come that need them, a few in each turn of the event loop: 2,000 first results in one batch would
 * hold it for half a second otherwise, since a batch is routed in one turn. A result that is faster than this does not wait for it.
 */
export class SetupQueue {
  private readonly waiting = new Set<string>();
  private turn: NodeJS.Immediate | undefined;

  /** @param limit client keys that may wait; of further ones the set-up is made when their result comes */
  constructor(
    private readonly sealer: ResultSealer,
    private readonly limit: number,
  ) {}

  /** A result for this key will come. */
  add(publicKey: string): void {
    if (this.waiting.size >= this.limit || this.sealer.has(publicKey)) return;
    this.waiting.add(publicKey);
    this.turn ??= setImmediate(() => this.makeSome());
  }

  /** Forgets what waits. Safe to call twice. */
  stop(): void {
    clearImmediate(this.turn);
    this.turn = undefined;
    this.waiting.clear();
  }

  private makeSome(): void {
    let left = PER_TURN;
    for (const publicKey of this.waiting) {
      if (left-- === 0) break;
      this.waiting.delete(publicKey);
      this.sealer.prepare(publicKey);
    }
    this.turn = this.waiting.size > 0 ? setImmediate(() => this.makeSome()) : undefined;
  }
}
