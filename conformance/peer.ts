import { randomUUID } from 'node:crypto';
import { type ClientOptions, WebSocket } from 'ws';
import type { ReceivedFrame } from './frame.shapes.js';
import { FrameWatch } from './frame.watch.js';
import { type Identity, openResult, type SealedResult } from './identity.js';

/** How long something may take that a gateway has to do, unless a test says otherwise. In milliseconds. */
export const PATIENCE = 15_000;

/** The topic of the commands that the suite sends. */
export const TOPIC = 'auction';

/** An outcome as PROTOCOL.md defines it. */
export interface Outcome {
  readonly status: string;
  readonly value?: any;
  readonly errors?: any;
  readonly message?: string;
  readonly code?: string;
}

/** How a socket is opened. */
export interface PeerOptions extends ClientOptions {
  readonly protocols?: readonly string[];
  /** Whether it answers pings by itself. */
  readonly answersPings?: boolean;
}

/** A client's side of one socket, written from PROTOCOL.md alone. What it receives queues up, so that nothing is missed. */
export class Peer {
  readonly watch: FrameWatch;
  /** Resolves with the close code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>;
  private readonly socket: WebSocket;
  private readonly queue: ReceivedFrame[] = [];
  private readonly waiting = new Set<() => void>();
  private wasOpen = false;
  private ended: string | undefined;

  constructor(
    url: string,
    readonly identity: Identity,
    { protocols = ['kafka-socket.v1'], answersPings = true, ...options }: PeerOptions = {},
  ) {
    this.watch = new FrameWatch(identity.sessionId);
    this.socket = new WebSocket(url, [...protocols], { handshakeTimeout: PATIENCE, ...options });
    this.socket.on('message', (data, isBinary) => this.receive((data as Buffer).toString(), isBinary, answersPings));
    this.socket.once('open', () => (this.wasOpen = true));
    this.socket.on('error', (error) => (this.ended ??= error.message));
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        this.ended ??= `The socket was closed with ${code} ${reason.toString()}`;
        resolve({ code, reason: reason.toString() });
        this.wake();
      });
    });
  }

  /** Resolves once the socket is open, or was; rejects where the gateway does not open it. */
  async opened(): Promise<this> {
    if (!this.wasOpen) await Promise.race([new Promise((resolve) => this.socket.once('open', resolve)), this.closed]);
    if (!this.wasOpen) throw new Error(`No socket was opened. ${this.ended}`);
    return this;
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  /** The sub-protocol and the extensions that the gateway chose. */
  get chosen(): { protocol: string; extensions: string } {
    return { protocol: this.socket.protocol, extensions: this.socket.extensions };
  }

  /** All that came and that nobody took, pings aside: those come when they like. */
  get unread(): readonly ReceivedFrame[] {
    return this.queue.filter(({ event }) => event !== 'ping');
  }

  send(event: string, data: unknown, id?: string): void {
    if (event === 'hello') this.watch.greeted(data);
    this.sendText(JSON.stringify({ event, data, ...(id !== undefined && { id }) }));
  }

  sendText(text: string): void {
    this.socket.send(text);
  }

  /** Sends bytes, as a binary message or under the name of text. */
  sendBytes(bytes: Buffer, binary: boolean): void {
    this.socket.send(bytes, { binary });
  }

  /** Sends a text in so many WebSocket fragments; those behind its end are empty. */
  sendFragments(text: string, count: number): void {
    const length = Math.ceil(text.length / count);
    for (let i = 0; i < count; i++) {
      this.socket.send(text.slice(i * length, (i + 1) * length), { fin: i === count - 1 });
    }
  }

  hello(data: Record<string, unknown> = {}, id?: string): void {
    const { sessionId, publicKey } = this.identity;
    this.send('hello', { sessionId, publicKey, channels: [], ...data }, id);
  }

  /** Sends a request; returns its id. */
  request(command: string, payload?: unknown, { id, ...more }: Record<string, unknown> & { id?: string } = {}): string {
    const requestId = (more['requestId'] as string | undefined) ?? randomUUID();
    this.send('request', { requestId, topic: TOPIC, command, payload, ...more }, id);
    return requestId;
  }

  /** Sends a request and waits for its outcome. */
  async perform(command: string, payload: unknown, more: Record<string, unknown> = {}): Promise<Outcome> {
    return this.outcome(this.request(command, payload, more));
  }

  /** Takes the next frame of an event, or that a predicate likes, and leaves the others in the queue. */
  async next(wanted: string | ((frame: ReceivedFrame) => boolean), patience = PATIENCE): Promise<ReceivedFrame> {
    const matches = typeof wanted === 'string' ? (frame: ReceivedFrame) => frame.event === wanted : wanted;
    const deadline = performance.now() + patience;
    const timer = setTimeout(() => this.wake(), patience + 1);
    try {
      for (;;) {
        const index = this.queue.findIndex(matches);
        if (index >= 0) return this.queue.splice(index, 1)[0]!;
        const why = this.ended ?? (performance.now() >= deadline ? `${patience} ms are over` : undefined);
        if (why !== undefined) throw new Error(`It did not come: ${String(wanted)}. ${why}. ${this.lately()}`);
        await new Promise<void>((resolve) => this.waiting.add(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes the next answer to a frame, or the error that refuses it. */
  answer(id: string): Promise<ReceivedFrame> {
    return this.next((frame) => frame.id === id);
  }

  /** Takes the answer to a request: `accepted` or `error`. */
  async answerTo(requestId: string): Promise<ReceivedFrame> {
    return this.next(({ event, data }) => ['accepted', 'error'].includes(event) && data.requestId === requestId);
  }

  /** Takes the next result of a request. */
  async result(requestId: string, patience?: number): Promise<ReceivedFrame['data']> {
    const { data } = await this.next(
      (frame) => frame.event === this.channel && frame.data.requestId === requestId,
      patience,
    );
    return data;
  }

  /** Takes the next result of a request and opens it. */
  async outcome(requestId: string, patience?: number): Promise<Outcome> {
    const { sealed } = await this.result(requestId, patience);
    return this.open(requestId, sealed as SealedResult);
  }

  async open(requestId: string, sealed: SealedResult): Promise<Outcome> {
    return JSON.parse(await openResult(this.identity, TOPIC, requestId, sealed)) as Outcome;
  }

  /** Takes the next event of a type that is about a lot. */
  event(type: string, lot: number): Promise<ReceivedFrame> {
    return this.next(
      ({ event, data }) => event === `socket/${TOPIC}/broadcast` && data.type === type && data.key === `lot-${lot}`,
    );
  }

  /** Resolves once the gateway has answered all that was sent before. */
  async caughtUp(): Promise<void> {
    const id = randomUUID();
    this.send('unsubscribe', { channels: [] }, id);
    await this.answer(id);
  }

  get channel(): string {
    return `socket/${TOPIC}/${this.identity.sessionId}`;
  }

  /** Resolves with the close code, or undefined where the socket is still open after a while. */
  async closeCode(patience = PATIENCE): Promise<number | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), patience)));
    const code = await Promise.race([this.closed.then((closed) => closed.code), late]);
    clearTimeout(timer);
    return code;
  }

  /** Cuts the connection without a goodbye. */
  async cut(): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }

  private receive(text: string, isBinary: boolean, answersPings: boolean): void {
    if (isBinary) this.watch.violations.push('[frame.1] a binary frame came');
    const frame = parsed(text);
    if (frame?.event === 'ping' && answersPings) this.send('pong', {});
    this.watch.received(frame as ReceivedFrame);
    if (frame?.event === undefined) return;
    this.queue.push(frame);
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }

  private lately(): string {
    const last = this.queue.slice(-5).map((frame) => JSON.stringify(frame).slice(0, 200));
    return last.length === 0 ? 'Nothing else came.' : `What came and was not asked for: ${last.join(' ')}`;
  }
}

function parsed(text: string): ReceivedFrame | undefined {
  try {
    return JSON.parse(text) as ReceivedFrame;
  } catch {
    return undefined; // the watch says what is wrong
  }
}
