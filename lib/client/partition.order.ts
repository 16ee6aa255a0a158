import type { At } from '../protocol/frames.js';

/**
 * Keeps the order of each partition though results are opened asynchronously: what comes behind one that is still being
 * opened waits for it.
 */
export class PartitionOrder {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs a task at once where nothing of the partition is before it; tasks do not throw. */
  run([topic, partition]: At, task: () => void | Promise<void>): void {
    const key = `${topic}/${partition}`;
    const before = this.#tails.get(key);
    const running = before ? before.then(task) : task();
    if (!running) return;
    const tail = running.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
  }

  /** Resolves once all that is under way now is done. */
  async drained(): Promise<void> {
    await Promise.all(this.#tails.values());
  }
}
