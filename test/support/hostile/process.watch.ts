import { onTestFinished } from 'vitest';

/** Milliseconds between two looks at the event loop. */
const LOOK = 10;

/** How the process takes what is done to it, from now on until the test ends. */
export class ProcessWatch {
  readonly uncaught: string[] = [];
  private readonly began = now();
  private last = this.began;
  /** Milliseconds of a clock, and of a processor. */
  private readonly longest = { stood: 0, computed: 0 };

  constructor() {
    const note = (error: unknown): void => void this.uncaught.push(String(error));
    process.on('uncaughtExceptionMonitor', note);
    process.on('unhandledRejection', note);
    const looking = setInterval(() => this.look(), LOOK);
    onTestFinished(() => {
      process.off('uncaughtExceptionMonitor', note);
      process.off('unhandledRejection', note);
      clearInterval(looking);
    });
  }

  /**
   * The longest that the event loop was busy with one thing, in milliseconds. Of a processor, not of a clock: others who want the same
   * processors let it stand still as well, and that is not what was done to it.
   */
  get standstill(): number {
    return Math.round(this.longest.computed);
  }

  get use(): string {
    const { clock, processor } = now();
    const seconds = (milliseconds: number): string => (milliseconds / 1_000).toFixed(1);
    const { began, standstill } = this;
    return (
      `${seconds(clock - began.clock)} s, ${seconds(processor - began.processor)} s of a processor, ` +
      `the event loop stood ${Math.round(this.longest.stood)} ms at most and was busy for ${standstill} ms`
    );
  }

  private look(): void {
    const { clock, processor } = now();
    const stood = clock - this.last.clock;
    // Other threads, of the garbage collector for one, use a processor as well.
    const computed = Math.min(stood, processor - this.last.processor);
    this.longest.stood = Math.max(this.longest.stood, stood);
    this.longest.computed = Math.max(this.longest.computed, computed);
    this.last = { clock, processor };
  }
}

function now(): { readonly clock: number; readonly processor: number } {
  const { user, system } = process.cpuUsage();
  return { clock: performance.now(), processor: (user + system) / 1_000 };
}
