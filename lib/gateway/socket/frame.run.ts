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
    if (this.memory) this.send(Buffer.from(this.memory, this.start, this.end - this.start));
    this.memory = undefined;
  }
}
