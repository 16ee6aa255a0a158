/**
 * A copy with memory of its own, for what is kept for long. A short `Buffer.from` or `Buffer.concat` is a window on Node's pool: it
 * alone would keep 8 KiB alive, which no limit in bytes or entries counts.
 */
export function ownCopy(bytes: string | Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(Buffer.byteLength(bytes));
  if (typeof bytes === 'string') copy.write(bytes);
  else bytes.copy(copy);
  return copy;
}
