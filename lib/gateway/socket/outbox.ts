import type { WebSocket } from 'ws';
import { CloseCode } from '../../protocol/close-codes.js';
import { type FrameChain, framesOf } from './frame.chain.js';
import type { OutboxFlusher } from './outbox.flusher.js';
import { textsIn } from './wire.frame.js';
import { isIdle, type WireSender, wireSender } from './wire.sender.js';

/**
 * Bytes that may wait in a socket before no more is handed to it. What it has cannot be taken back: it is kept until the client reads
 * or the socket ends, and stands before the goodbye of one that is too slow.
 */
const HAND_OVER = 64 * 1024;

/**
 * All that goes to one client, in order: results, events, answers and what recovery sends; only the answer to a ping of WebSocket's own,
 * one at a time, passes it by. What becomes due within one turn of the event loop is one write. A client that does not keep up is closed with 4008, and recovery repairs what it missed.
 */
export class Outbox {
  private readonly sender: WireSender | undefined;
  private due: FrameChain | undefined;
  /** Bytes that the socket kept when it was last written to; since then they can only have become fewer. */
  private kept = 0;
  /** Bytes of live frames so far. */
  private liveBytes = 0;
  private said: CloseCode | undefined;

  constructor(
    private readonly socket: WebSocket,
    private readonly flusher: OutboxFlusher,
    /** Bytes that may wait for the client before it counts as too slow. */
    private readonly limit: number,
  ) {
    this.sender = wireSender(socket);
  }

  /** Bytes that wait for the client, here and in the socket. */
  get bytes(): number {
    return this.dueBytes + this.socket.bufferedAmount;
  }

  /** The close code that ends it, if we closed the socket: the client's answer, which may never come, need not repeat it. */
  get goodbye(): CloseCode | undefined {
    return this.said;
  }

  /** Whether anything more can go to the client. */
  get open(): boolean {
    return !this.said && this.socket.readyState === this.socket.OPEN;
  }

  /** Sends a frame, or gives up a client for which too much waits. */
  send(frame: Buffer): void {
    if (this.said) return;
    this.liveBytes += frame.length;
    // The socket itself is looked at only where it may matter: this runs for every event and client.
    if (this.kept + this.dueBytes > this.limit && this.isTooSlow()) this.giveUp();
    else this.add(frame);
  }

  /** Sends a frame of recovery, which waits by itself for the client to read: it is never too slow for that. */
  sendPatiently(frame: Buffer): void {
    if (!this.said) this.add(frame);
  }

  /** Hands all that is due to the socket. Says false, and hands over nothing, where that has enough to do. */
  flush(): boolean {
    if (!this.due) return true;
    if (this.kept > HAND_OVER && this.open && this.socket.bufferedAmount > HAND_OVER) return false;
    this.write();
    return true;
  }

  /** Closes the socket after all that is due. Safe to call twice, and where the client closes it: the first goodbye counts. */
  close(code: CloseCode, reason: string): void {
    if (!this.open) return;
    this.write();
    this.said = code;
    this.socket.close(code, reason);
  }

  /** Closes the socket of a client that is too slow. What was not handed over is let go: recovery brings it again. */
  giveUp(): void {
    this.due = undefined;
    this.close(CloseCode.tooSlow, 'too slow: reconnect and recover');
  }

  private get dueBytes(): number {
    return this.due === undefined ? 0 : this.due.bytes;
  }

  private add(frame: Buffer): void {
    this.due = (this.due ?? this.flusher.begin(this)).with(frame);
  }

  /** What came in one turn is handed over before it is judged: a burst is no fault of a client whose network takes it. */
  private isTooSlow(): boolean {
    this.flush();
    // What recovery sent lies before all live frames, and is no fault of the client's either: it does not count.
    return Math.min(this.bytes, this.liveBytes) > this.limit;
  }

  private write(): void {
    const { due, sender, socket } = this;
    this.due = undefined;
    if (!due || !this.open) return;
    if (sender && isIdle(sender)) {
      const pieces = this.flusher.join(due);
      for (let sent = 0; sent < pieces.length; sent += 2) sender.sendFrame(pieces.slice(sent, sent + 2));
    } else {
      for (const frames of framesOf(due)) for (const text of textsIn(frames)) socket.send(text, { binary: false });
    }
    this.kept = socket.bufferedAmount;
  }
}
