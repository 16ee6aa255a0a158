import type { MessageLog } from 'nestjs-kafka-socket';
import { onTestFinished } from 'vitest';

/** Makes the readers of a log that begin from now on fall behind when the test says so, and catch up when it says so. */
export class LaggingTail {
  private held: Promise<void> | undefined;
  private release: () => void = () => undefined;

  constructor(log: MessageLog) {
    const tail = log.tail.bind(log);
    log.tail = (options) =>
      tail({
        ...options,
        onBatch: async (batch) => {
          await this.held;
          await options.onBatch(batch);
        },
      });
    onTestFinished(() => this.catchUp()); // else a test that fails could not stop its application
  }

  fallBehind(): void {
    this.held = new Promise((resolve) => (this.release = resolve));
  }

  catchUp(): void {
    this.held = undefined;
    this.release();
  }
}
