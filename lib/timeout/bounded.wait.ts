/**
 * Waits for `work`, but no longer than `limit` milliseconds. What comes of it later is nobody's concern any more.
 * @throws what `late` makes, when the limit is over
 */
export function within<T>(work: Promise<T>, limit: number, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    // Where our own process was busy for longer than the limit, the answer lies in the socket already and timers run before
    // sockets are read. One turn of the loop lets it come first, so that nobody is blamed for our own pause.
    const timer = setTimeout(() => setImmediate(() => reject(late())), limit);
    void work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
