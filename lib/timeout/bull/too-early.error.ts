/**
 * Thrown by a job that Bull woke before its deadline, because this machine's clock is ahead; Bull puts it back for the time
 * that remains. Never leaves the worker.
 */
export class TooEarlyError extends Error {
  /** @param remaining milliseconds */
  constructor(readonly remaining: number) {
    super(`${remaining} ms too early: this machine's clock is ahead of Redis's`);
  }
}
