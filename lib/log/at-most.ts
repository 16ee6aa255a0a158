/** Waits for something to end, well or not, but not longer than a limit in milliseconds. */
export async function atMost(limit: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<void>((resolve) => (timer = setTimeout(resolve, limit)));
  await Promise.race([work.catch(() => undefined), tooLong]);
  clearTimeout(timer);
}
