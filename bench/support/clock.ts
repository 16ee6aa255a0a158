/** Milliseconds by the machine's monotonic clock, which all processes share: what one stamps another may read. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
