import type { Logger } from '@nestjs/common';

/** Pause between two lines, in milliseconds. */
const PAUSE = 10_000;

/** Warnings that may come thousands at a time: one line in ten seconds, with the number of those that it stands for. */
export class SparingLog {
  private unsaid = 0;
  private quietUntil = -Infinity;

  constructor(
    private readonly logger: Logger,
    private readonly now: () => number = () => performance.now(),
  ) {}

  warn(message: string): void {
    if (this.now() < this.quietUntil) {
      this.unsaid++;
      return;
    }
    this.logger.warn(this.unsaid === 0 ? message : `${message} (and ${this.unsaid} more since the last such line)`);
    this.unsaid = 0;
    this.quietUntil = this.now() + PAUSE;
  }
}
