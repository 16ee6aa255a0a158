import { Logger } from '@nestjs/common';
import type { RawData, WebSocket } from 'ws';
import { messageOf } from '../../kafka-socket.error.js';
import { CloseCode } from '../../protocol/close-codes.js';
import { readFrame, type ReceivedFrame, requestIdIn } from './frame.reader.js';
import { BadFrameError, ClientFacingError, InternalError, RateError } from '../gateway.errors.js';
import type { Handshake } from '../gateway.options.js';
import { frameOf, type Session } from './session.js';
import type { Outbox } from './outbox.js';
import { TokenBucket } from './token.bucket.js';

/** Frames that may wait for the one before them; then the socket is not read until they are done. */
const MAX_WAITING = 64;
/** Bad frames in a row that a client may send, and frames that were refused for its rate beyond those taken, before it is closed. */
const MAX_BAD_FRAMES = 10;
const MAX_REFUSALS = 100;
/** How long one who is turned away may take to answer the goodbye, in milliseconds: it holds a socket, and is owed nothing. */
const TURN_AWAY_LIMIT = 2_000;

/** Handles one frame; what it throws is told to the client. */
export type OnFrame = (connection: Connection, frame: ReceivedFrame) => Promise<void> | void;

/** One socket: takes its frames in order, one after the other, and answers each of them or what is wrong with it. */
export class Connection {
  private readonly logger = new Logger(Connection.name);
  private readonly bucket: TokenBucket;
  private readonly closing = new AbortController();
  private readonly timers = new Set<NodeJS.Timeout>();
  private queue: Promise<void> = Promise.resolve();
  private waiting = 0;
  private badFrames = 0;
  private refusals = 0;
  /** The newest of WebSocket's own pings, while the answer to an earlier one waits for the client. */
  private unanswered: Buffer | undefined;
  private isPonging = false;
  /** Whether a hello came, however it was answered. */
  greeted = false;
  /** Set by a hello that was welcome. */
  session: Session | undefined;
  /** When the client last showed that it is alive, by the monotonic clock. */
  heard = performance.now();

  constructor(
    private readonly socket: WebSocket,
    /** All that goes to the client, but the answers to WebSocket's own pings. */
    readonly outbox: Outbox,
    readonly handshake: Handshake,
    rate: number,
    private readonly onFrame: OnFrame,
  ) {
    this.bucket = new TokenBucket(rate);
    socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    // WebSocket's own pings cost as much as frames.
    socket.on('ping', (data) => this.open && this.isInRate() && this.pong(data));
    socket.on('pong', () => this.open && this.isInRate());
    socket.once('close', () => this.end());
    // A broken or hostile peer is no news: it is closed, and the close code is counted. Nest's adapter would log each as an error.
    socket.removeAllListeners('error');
    socket.on('error', (error) => this.logger.debug(`A socket broke: ${error.message}`));
  }

  /** Bytes that wait for the client. */
  get queued(): number {
    return this.outbox.bytes;
  }

  /** Whether the socket is not read, because frames wait for the ones before them. */
  get paused(): boolean {
    return this.socket.isPaused;
  }

  /** Aborts when the socket closes. */
  get closed(): AbortSignal {
    return this.closing.signal;
  }

  /** Says goodbye, after all that is on its way to the client. Safe to call twice: the first goodbye is said. */
  close(code: CloseCode, reason: string): void {
    this.outbox.close(code, reason);
  }

  /** Says goodbye to one that is not served, and does not wait long for the answer. */
  turnAway(code: CloseCode, reason: string): void {
    this.close(code, reason);
    this.after(TURN_AWAY_LIMIT, () => this.terminate());
  }

  /** Ends the socket without a goodbye, or without waiting for the answer to it. */
  terminate(): void {
    this.socket.terminate();
  }

  /** Runs something when a time is over, in milliseconds, unless the socket closes before. */
  after(milliseconds: number, then: () => void): NodeJS.Timeout | undefined {
    if (this.closed.aborted) return undefined;
    // Node fires at once above 2^31 - 1.
    const timer = setTimeout(
      () => {
        this.timers.delete(timer);
        then();
      },
      Math.min(Math.max(milliseconds, 0), 2_147_483_647),
    );
    this.timers.add(timer);
    return timer;
  }

  /** Takes back what {@link after} began. */
  cancel(timer: NodeJS.Timeout | undefined): void {
    clearTimeout(timer);
    if (timer) this.timers.delete(timer);
  }

  private end(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.closing.abort(new Error('The socket is closed.'));
  }

  /** Tells the client what is wrong. */
  refuse(error: ClientFacingError, frame?: Partial<Pick<ReceivedFrame, 'id' | 'data'>>): void {
    const requestId = frame?.data && requestIdIn(frame.data);
    const { code, message, temporary, details } = error;
    const data = {
      ...(requestId !== undefined && { requestId }),
      code,
      message,
      temporary,
      ...(details && { details }),
    };
    const id = frame?.id ?? error.frameId;
    this.outbox.send(frameOf('error', data, id));
  }

  /**
   * Answers a ping once the answer before it has left, and then only the newest (RFC 6455, 5.5.3): these answers pass the outbox and
   * its limit, and would pile up for a client that reads none.
   */
  private pong(data: Buffer): void {
    if (this.isPonging) {
      this.unanswered = data;
      return;
    }
    this.isPonging = true;
    this.socket.pong(data, false, () => {
      this.isPonging = false;
      const newest = this.unanswered;
      this.unanswered = undefined;
      if (newest && this.open) this.pong(newest);
    });
  }

  private get open(): boolean {
    return !this.closed.aborted && this.outbox.open;
  }

  private receive(data: RawData, isBinary: boolean): void {
    this.heard = performance.now();
    if (!this.open) return;
    if (++this.waiting === MAX_WAITING) this.socket.pause();
    // `ws` gives one Buffer a message by default.
    const text = isBinary ? undefined : (data as Buffer).toString();
    this.queue = this.takeAfter(this.queue, text);
  }

  private async takeAfter(before: Promise<void>, text: string | undefined): Promise<void> {
    await before;
    await this.take(text);
    if (--this.waiting === MAX_WAITING - 1 && this.socket.isPaused) this.socket.resume();
  }

  /** Never rejects: the next frame waits for it. */
  private async take(text: string | undefined): Promise<void> {
    if (!this.open) return; // a frame before this one was the last
    let frame: ReceivedFrame | undefined;
    try {
      if (text === undefined) throw new BadFrameError('Binary frames are not part of the protocol; send JSON as text.');
      frame = readFrame(text);
      this.count();
      await this.onFrame(this, frame);
      this.badFrames = 0;
    } catch (error) {
      this.answer(error, frame);
    }
  }

  /** @throws {RateError} `rate` */
  private count(): void {
    if (this.isInRate()) return;
    throw new RateError('More frames a second than this gateway takes from one client. Slow down and send it again.', {
      temporary: true,
    });
  }

  /** Whether one more frame is not too much. Turns away who sends more than twice as fast as it may, for long. */
  private isInRate(): boolean {
    if (this.bucket.take()) {
      this.refusals = Math.max(0, this.refusals - 1);
      return true;
    }
    if (++this.refusals > MAX_REFUSALS) this.turnAway(CloseCode.rate, 'too many frames a second');
    return false;
  }

  private answer(error: unknown, frame: ReceivedFrame | undefined): void {
    if (!(error instanceof ClientFacingError)) {
      this.logger.error(`The frame "${frame?.event}" failed: ${messageOf(error)}`);
      return this.refuse(new InternalError('The gateway failed to handle the frame.', { cause: error }), frame);
    }
    this.refuse(error, frame);
    if (error instanceof BadFrameError && ++this.badFrames >= MAX_BAD_FRAMES) {
      this.turnAway(CloseCode.badFrames, 'too many bad frames');
    }
  }
}
