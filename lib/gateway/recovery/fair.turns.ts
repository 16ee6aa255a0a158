/**
 * Milliseconds of one turn of the event loop that all who catch up may take together. Live records wait this long at most, and
 * it is little beside what a network adds; much less would spend the time on going round.
 */
const BUDGET = 4;

/** Lets many take short steps in turn, first come first served, and never holds up the event loop for long. */
export class FairTurns {
  private readonly line = new Set<() => void>();
  private waking = false;

  /**
   * Takes a step when its turn comes.
   * @param step short, a millisecond or so: it is not interrupted
   * @throws what the step throws, or the signal's reason when it aborts before
   */
  take<T>(step: () => T, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const leave = (): void => {
        this.line.delete(go);
        reject(signal.reason as Error);
      };
      const go = (): void => {
        signal.removeEventListener('abort', leave);
        resolve(settled(step)); // taken now, within the budget
      };
      signal.addEventListener('abort', leave, { once: true });
      this.line.add(go);
      this.wake();
    });
  }

  private wake(): void {
    if (this.waking) return;
    this.waking = true;
    setImmediate(this.goOn); // sockets and Kafka come between two of them
  }

  private readonly goOn = (): void => {
    this.waking = false;
    const end = performance.now() + BUDGET;
    // Whoever goes on from here comes to the end of the line, but not before this returns.
    for (const go of this.line) {
      this.line.delete(go);
      go();
      if (performance.now() >= end) break;
    }
    if (this.line.size > 0) this.wake();
  };
}

/** Does something at once, and gives what it returns or throws as a promise. */
async function settled<T>(step: () => T): Promise<T> {
  return step();
}
