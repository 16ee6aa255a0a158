import { FrameChain, framesOf } from './frame.chain.js';

/** Sockets that are written to in a row, some 8 ms of work; then others have a turn. What comes meanwhile goes out with the rest. */
const SLICE = 1_024;
/** How often sockets that had enough to do are looked at, in milliseconds: `ws` tells of no drain (websockets/ws#492). */
const LOOK_EVERY = 10;

/** What has something due to a socket. */
interface Due {
  /** Hands it over. Says false where the socket has enough to do. */
  flush(): boolean;
}

/**
 * Sees to it that what is due to a socket goes out in one write: at the end of the event loop's turn, or of the window. One for
 * all sockets of a gateway, because joined frames are shared between them.
 */
export class OutboxFlusher {
  private waiting: Due[] = [];
  private readonly slow = new Set<Due>();
  private empty = new FrameChain();
  private readonly joined = new Map<FrameChain, Buffer>();
  private turn: NodeJS.Immediate | undefined;
  private timer: NodeJS.Timeout | undefined;
  private look: NodeJS.Timeout | undefined;

  /** @param window how long frames wait for others, in milliseconds; 0: until the end of the turn */
  constructor(private readonly window: number) {}

  /** Notes that something becomes due to a socket, and gives the chain that it begins. */
  begin(outbox: Due): FrameChain {
    this.waiting.push(outbox);
    if (this.window === 0) this.turn ??= setImmediate(this.flush);
    else this.timer ??= setTimeout(this.flush, this.window);
    return this.empty;
  }

  /** The frames of a chain in one piece, for all to whom the same is due. */
  join(chain: FrameChain): Buffer {
    const known = this.joined.get(chain);
    if (known) return known;
    const frames = framesOf(chain);
    const bytes = frames.length === 1 ? frames[0]! : Buffer.concat(frames, chain.bytes);
    this.joined.set(chain, bytes);
    return bytes;
  }

  /** Ends what is under way. What is due to a socket goes out when that is closed, so it is closed before. Safe to call twice. */
  stop(): void {
    clearImmediate(this.turn);
    clearTimeout(this.timer);
    clearTimeout(this.look);
    this.waiting = [];
    this.slow.clear();
  }

  private readonly flush = (): void => {
    clearTimeout(this.timer); // where this is the rest of a turn before
    this.turn = this.timer = undefined;
    for (const outbox of this.waiting.splice(0, SLICE)) if (!outbox.flush()) this.slow.add(outbox);
    this.forget();
    if (this.waiting.length > 0) this.turn = setImmediate(this.flush);
    if (this.slow.size > 0) this.look ??= setTimeout(this.flushSlow, LOOK_EVERY);
  };

  private readonly flushSlow = (): void => {
    this.look = undefined;
    for (const outbox of this.slow) if (outbox.flush()) this.slow.delete(outbox);
    this.forget();
    if (this.slow.size > 0) this.look = setTimeout(this.flushSlow, LOOK_EVERY);
  };

  /** Lets go of what was shared: whoever comes later has something else due. */
  private forget(): void {
    this.empty = new FrameChain();
    this.joined.clear();
  }
}
