/** Where a client seems to come from: on Linux from an address of its own, as in life; elsewhere there is one loopback address. */
export function addressOf(index: number): string | undefined {
  return process.platform === 'linux' ? `127.1.${(index >> 8) & 255}.${index & 255}` : undefined;
}
