/**
 * Frames that go to one client in a row. Those that lie one behind the other in memory are given on as one piece, so that a few pieces
 * are sent and not hundreds of frames.
 */
export class FrameRun {
  private memory: ArrayBufferLike | undefined;
  private start = 0;
  private end = 0;

  constructor(private readonly send: (piece: Buffer) => void) {}

  add({ buffer, byteOffset, length }: Buffer): void {
    if (buffer !== this.memory || byteOffset !== this.end) {
      this.flush();
      this.memory = buffer;
      this.start = byteOffset;
    }
    this.end = byteOffset + length;
  }

  /** Sends what was added last. */
  flush(): void {
    if (this.memory) this.send(frugal(Buffer.from(this.memory, this.start, this.end - this.start)));
    this.memory = undefined;
  }
}

/**
 * A piece that keeps no more than four times of what it holds alive: it may wait for its client for long, and what waits there is
 * counted by its own bytes.
 */
function frugal(piece: Buffer): Buffer {
  if (4 * piece.length >= piece.buffer.byteLength) return piece;
  const copy = Buffer.allocUnsafeSlow(piece.length);
  piece.copy(copy);
  return copy;
}
