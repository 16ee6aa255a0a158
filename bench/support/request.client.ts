import type { ResultOpener } from '../../lib/client/result.opener.js';
import { sealedFor } from '../../lib/protocol/channels.js';
import type { ResultFrame } from '../../lib/protocol/frames.js';
import { now } from './clock.js';
import { type LeanListener, LeanSocket } from './lean.socket.js';

/** Who a client is, and how it opens what is for it alone. */
export interface Requester {
  readonly sessionId: string;
  readonly publicKey: string;
  readonly opener: ResultOpener;
}

/** What is asked for, and comes back from the handler as it is. */
export interface Bid {
  readonly amount: number;
  readonly note: string;
}

interface Waiting {
  readonly id: Buffer;
  readonly begin: number;
  resolve(took: number): void;
  reject(why: Error): void;
}

const EVENT_NAME = '{"event":"'.length;
/** `socket/…`: an answer; nothing else comes here that begins so. */
const ANSWER = 's'.charCodeAt(0);

/** Ours, and that of Nest's gateways. */
const REFUSALS = new Set(['error', 'exception']);

/** A client that has one request under way at a time, at our gateway or at a server that answers the same frames unsealed. */
export class RequestClient implements LeanListener {
  readonly welcome: Promise<void>;
  readonly socket: LeanSocket;
  private readonly kept: { text: string; bid: Bid }[] = [];
  private welcomed!: () => void;
  private lost!: (why: Error) => void;
  private waiting?: Waiting;
  private last = '';

  constructor(
    url: string,
    private readonly topic: string,
    private readonly requester: Requester,
    localAddress?: string,
  ) {
    this.welcome = new Promise((resolve, reject) => {
      this.welcomed = resolve;
      this.lost = reject;
    });
    this.welcome.catch(() => undefined); // told to whoever waits for it
    this.socket = new LeanSocket(url, this, localAddress);
  }

  /**
   * Sends a request, and waits for its answer.
   * @param keep whether the answer is looked at later on, by {@link check}
   * @returns how long it took, in milliseconds
   */
  async ask(bid: Bid, keep: boolean): Promise<number> {
    const requestId = crypto.randomUUID();
    const { topic, requester } = this;
    const data = { requestId, topic, command: 'PlaceBid', key: requester.sessionId, payload: bid };
    const text = JSON.stringify({ event: 'request', data });
    const took = await new Promise<number>((resolve, reject) => {
      this.waiting = { id: Buffer.from(requestId), begin: now(), resolve, reject };
      this.socket.send(text);
    });
    if (keep) this.kept.push({ text: this.last, bid });
    return took;
  }

  /** Opens the answers that were kept. @returns how many there were, and how many did not say what they should */
  async check(): Promise<{ opened: number; wrong: number }> {
    const kept = this.kept.splice(0);
    let wrong = 0;
    for (const { text, bid } of kept) {
      const value = await this.valueOf(text).catch(() => undefined);
      if (value?.amount !== bid.amount || value.note !== bid.note) wrong++;
    }
    return { opened: kept.length, wrong };
  }

  opened(): void {
    const { sessionId, publicKey } = this.requester;
    this.socket.send(JSON.stringify({ event: 'hello', data: { sessionId, publicKey, channels: [] } }));
  }

  frame(buffer: Buffer, start: number, end: number): void {
    if (buffer[start + EVENT_NAME] === ANSWER) this.answered(buffer, start, end);
    else this.told(buffer.toString('utf8', start, end));
  }

  closed(code: number): void {
    const why = new Error(`A client was closed with ${code}.`);
    this.lost(why);
    this.waiting?.reject(why);
  }

  private answered(buffer: Buffer, start: number, end: number): void {
    const { waiting } = this;
    const at = waiting ? buffer.indexOf(waiting.id, start) : -1;
    if (at === -1 || at >= end) return; // of a request that is over, or was somebody else's
    const took = now() - waiting!.begin;
    this.waiting = undefined;
    this.last = buffer.toString('utf8', start, end);
    waiting!.resolve(took);
  }

  private told(text: string): void {
    const { event } = JSON.parse(text) as { event: string };
    if (event === 'welcome') this.welcomed();
    else if (event === 'ping') this.socket.send('{"event":"pong","data":{}}');
    else if (REFUSALS.has(event)) this.waiting?.reject(new Error(`A request was refused: ${text}`));
  }

  private async valueOf(text: string): Promise<Bid | undefined> {
    const { data } = JSON.parse(text) as { data: ResultFrame | { sealed: undefined; value: Bid } };
    if (data.sealed === undefined) return data.value;
    const { sessionId, opener } = this.requester;
    const outcome = await opener.open(data.sealed, sealedFor(this.topic, sessionId, data.requestId));
    const { status, value } = JSON.parse(outcome) as { status: string; value: Bid };
    return status === 'success' ? value : undefined;
  }
}
