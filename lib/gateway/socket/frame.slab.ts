import { wireFrame } from './wire.frame.js';

/**
 * Bytes that are taken from the system at once, at most. All of them live as long as any frame that lies there, so nothing may wait
 * for a client for long that is only a small part of them.
 */
const MOST = 64 * 1024;

/**
 * Lays frames one behind the other, in the order in which they are made. Who needs a row of them in that order, as all do who catch
 * up, takes it as one piece: nothing is copied, and hundreds of clients are sent the same memory. Begins small and takes twice as much
 * each time, so that no more is empty than is used.
 */
export class FrameSlab {
  private free = Buffer.alloc(0);
  private size = 0;

  readonly frameOf = (text: string): Buffer => wireFrame(text, this.allocate);

  /** Lays out a frame that was made elsewhere. */
  copyOf(frame: Buffer): Buffer {
    const copy = this.allocate(frame.length);
    frame.copy(copy);
    return copy;
  }

  private readonly allocate = (bytes: number): Buffer => {
    if (bytes > this.free.length) {
      if (4 * bytes > MOST) return Buffer.allocUnsafeSlow(bytes); // it would waste what is left
      this.size = Math.min(Math.max(4 * bytes, 2 * this.size), MOST);
      this.free = Buffer.allocUnsafeSlow(this.size);
    }
    const taken = this.free.subarray(0, bytes);
    this.free = this.free.subarray(bytes);
    return taken;
  };
}
