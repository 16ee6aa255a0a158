/**
 * Starts something, and stops waiting for it when one of the signals aborts. Not `AbortSignal.any`: what that makes of a signal
 * that lives long stays with it, read after read.
 * @throws the reason of the signal
 */
export async function abortable<T>(signals: readonly AbortSignal[], start: () => Promise<T>): Promise<T> {
  for (const signal of signals) signal.throwIfAborted();
  let abort!: (event: Event) => void;
  const aborted = new Promise<never>((_, reject) => {
    abort = ({ target }) => reject((target as AbortSignal).reason as Error);
  });
  for (const signal of signals) signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([start(), aborted]);
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', abort);
  }
}
