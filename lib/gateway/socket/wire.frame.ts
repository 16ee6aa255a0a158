/** First byte of a text message in one piece: the FIN bit and opcode 1 (RFC 6455, section 5.2). */
const TEXT_MESSAGE = 0x81;

/**
 * A text message as it goes over the wire from a server: header and UTF-8, unmasked. Made once, it serves any number of clients.
 * It has memory of its own, since it may be kept for long: a slice of Node's pool would keep 8 KiB alive.
 */
export function wireFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafeSlow(start + length);
  frame[0] = TEXT_MESSAGE;
  frame[1] = start === 2 ? length : start === 4 ? 126 : 127;
  if (start === 4) frame.writeUInt16BE(length, 2);
  if (start === 10) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.write(text, start);
  return frame;
}

/** The text of such a frame, for who frames it anew. */
export function textIn(frame: Buffer): Buffer {
  return frame.subarray(frame[1]! < 126 ? 2 : frame[1] === 126 ? 4 : 10);
}
