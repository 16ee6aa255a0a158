import { FrameChain, framesOf } from './frame.chain.js';

/** Sockets that are written to in a row, some 8 ms of work; then others have a turn. What comes meanwhile goes out with the rest. */
const SLICE = 1_024;
/** What is as long as this is not copied to be joined with others: a write costs less than a copy for each client. */
const LONG = 16 * 1024;
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
  private readonly joined = new Map<FrameChain, readonly Buffer[]>();
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

  /** The frames of a chain in as few pieces as make sense, for all to whom the same is due. */
  join(chain: FrameChain): readonly Buffer[] {
    let pieces = this.joined.get(chain);
    if (!pieces) this.joined.set(chain, (pieces = joined(framesOf(chain))));
    return pieces;
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

/** Joins short frames; long ones stay as they are. */
function joined(frames: readonly Buffer[]): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let short: Buffer[] = [];
  const join = (): void => {
    if (short.length > 0) pieces.push(short.length === 1 ? short[0]! : Buffer.concat(short));
    short = [];
  };
  for (const frame of frames) {
    if (frame.length < LONG) {
      short.push(frame);
      continue;
    }
    join();
    pieces.push(frame);
  }
  join();
  return pieces;
}
