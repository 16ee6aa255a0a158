/**
 * Frames that are due to a socket, one after the other. Sockets to which the same frames are due share one chain: so an event for
 * 5,000 clients makes one link, and what is due to them is joined once.
 */
export class FrameChain {
  /** Bytes of all frames. */
  readonly bytes: number;
  private next: FrameChain | undefined;

  /** Without arguments: the empty chain. */
  constructor(
    readonly frame?: Buffer,
    readonly before?: FrameChain,
  ) {
    this.bytes = (frame?.length ?? 0) + (before?.bytes ?? 0);
  }

  /** The chain with one more frame. A frame is dealt to all its clients in a row, so to look at the last one made is enough. */
  with(frame: Buffer): FrameChain {
    if (this.next?.frame === frame) return this.next;
    return (this.next = new FrameChain(frame, this));
  }
}

/** The frames of a chain in their order. */
export function framesOf(chain: FrameChain): Buffer[] {
  const frames: Buffer[] = [];
  for (let link: FrameChain | undefined = chain; link?.frame; link = link.before) frames.push(link.frame);
  return frames.reverse();
}
