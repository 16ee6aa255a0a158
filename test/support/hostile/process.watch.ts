import { monitorEventLoopDelay } from 'node:perf_hooks';
import { onTestFinished } from 'vitest';

/** How the process takes what is done to it, from now on until the test ends. */
export class ProcessWatch {
  readonly uncaught: string[] = [];
  private readonly delay = monitorEventLoopDelay({ resolution: 10 });
  private readonly cpu = process.cpuUsage();
  private readonly began = performance.now();

  constructor() {
    const note = (error: unknown): void => void this.uncaught.push(String(error));
    process.on('uncaughtExceptionMonitor', note);
    process.on('unhandledRejection', note);
    this.delay.enable();
    onTestFinished(() => {
      process.off('uncaughtExceptionMonitor', note);
      process.off('unhandledRejection', note);
      this.delay.disable();
    });
  }

  /** The longest that the event loop stood still, in milliseconds. */
  get standstill(): number {
    return Math.round(this.delay.max / 1e6);
  }

  get use(): string {
    const { user, system } = process.cpuUsage(this.cpu);
    const seconds = (milliseconds: number): string => (milliseconds / 1_000).toFixed(1);
    return `${seconds(performance.now() - this.began)} s, ${seconds((user + system) / 1_000)} s of a processor, the event loop stood ${this.standstill} ms at most`;
  }
}
