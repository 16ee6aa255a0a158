/** Where the client takes its time from; tests put their own in. */
export interface ClientClock {
  /** Milliseconds since some beginning. Never goes back, and counts the time that the device slept. */
  now(): number;
  /** Calls back once, later. Returns what takes it back. */
  after(milliseconds: number, then: () => void): () => void;
}

/** What `setTimeout` takes at most; above it, it fires at once. */
export const LONGEST_TIMER = 2_147_483_647;

/** The runtime's own time. */
export function systemClock(): ClientClock {
  // Some runtimes have no performance.now(); then all the time that passes is counted below.
  const monotonic = (): number => globalThis.performance?.now() ?? 0;
  const [monotonicStart, wallStart] = [monotonic(), Date.now()];
  let slept = 0;
  return {
    now() {
      const awake = monotonic() - monotonicStart;
      // Some browsers stop performance.now() while the device sleeps, and a request must not look younger than it is.
      slept = Math.max(slept, Date.now() - wallStart - awake);
      return awake + slept;
    },
    after(milliseconds, then) {
      const timer = setTimeout(then, Math.min(milliseconds, LONGEST_TIMER));
      return () => clearTimeout(timer);
    },
  };
}
