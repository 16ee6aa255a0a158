/** First byte of a text message in one piece: the FIN bit and opcode 1 (RFC 6455, section 5.2). */
const TEXT_MESSAGE = 0x81;

/**
 * A text message as it goes over the wire from a server: header and UTF-8, unmasked. Made once, it serves any number of clients.
 * It has memory of its own, since it may be kept for long: a slice of Node's pool would keep 8 KiB alive.
 * @param allocate where it is written to
 */
export function wireFrame(text: string, allocate: (bytes: number) => Buffer = Buffer.allocUnsafeSlow): Buffer {
  const length = Buffer.byteLength(text);
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = allocate(start + length);
  frame[0] = TEXT_MESSAGE;
  frame[1] = start === 2 ? length : start === 4 ? 126 : 127;
  if (start === 4) frame.writeUInt16BE(length, 2);
  if (start === 10) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.write(text, start);
  return frame;
}

/** The texts of such frames that lie one behind the other, for who frames them anew. */
export function* textsIn(frames: Buffer): Iterable<Buffer> {
  for (let at = 0; at < frames.length;) {
    const short = frames[at + 1]!;
    const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
    const length =
      short < 126 ? short : short === 126 ? frames.readUInt16BE(at + 2) : Number(frames.readBigUInt64BE(at + 2));
    yield frames.subarray(start, (at = start + length));
  }
}
