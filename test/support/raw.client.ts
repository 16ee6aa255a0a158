import { randomUUID } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { type Identity, newIdentity, openResult, type SealedResult } from '../../conformance/identity.js';

/** A frame as it came. */
export interface RawFrame {
  event: string;
  // A peer written from the protocol alone reads frames without our types.
  data: any;
  id?: string;
}

/** Who a client is: may be used by several sockets. */
export type RawIdentity = Identity;
export const rawIdentity = newIdentity;

/** Speaks the protocol as its document says, and nothing of it comes from the library. Received frames queue up: none is missed. */
export class RawClient {
  private readonly queue: RawFrame[] = [];
  private readonly waiting = new Set<() => void>();
  private readonly failures: string[] = [];
  /** Resolves with the close code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(
    readonly socket: WebSocket,
    readonly identity: RawIdentity,
    answersPings: boolean,
  ) {
    socket.on('message', (data) => {
      const frame = JSON.parse((data as Buffer).toString()) as RawFrame;
      if (frame.event === 'ping' && answersPings) this.send('pong', {});
      this.queue.push(frame);
      this.wake();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.failures.push(`The socket was closed with ${code} ${reason.toString()}.`);
        resolve({ code, reason: reason.toString() });
        this.wake();
      });
    });
  }

  /** Opens a socket; it is closed when the test ends. */
  static async connect(
    url: string,
    {
      identity,
      protocols = ['kafka-socket.v1'],
      answersPings = true,
      ...options
    }: ClientOptions & { identity?: RawIdentity; protocols?: string[]; answersPings?: boolean } = {},
  ): Promise<RawClient> {
    const who = identity ?? (await rawIdentity());
    const socket = new WebSocket(url, protocols, options);
    onTestFinished(() => socket.terminate());
    const client = new RawClient(socket, who, answersPings);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    socket.on('error', () => undefined); // told by the close
    return client;
  }

  /** Opens a socket and says hello. */
  static async welcome(
    url: string,
    hello: Record<string, unknown> = {},
    options: Parameters<typeof RawClient.connect>[1] = {},
  ): Promise<RawClient & { welcomed: RawFrame['data'] }> {
    const client = await RawClient.connect(url, options);
    client.hello(hello);
    const { data } = await client.next('welcome');
    return Object.assign(client, { welcomed: data as unknown });
  }

  send(event: string, data: unknown, id?: string): void {
    this.socket.send(JSON.stringify({ event, data, ...(id !== undefined && { id }) }));
  }

  hello(data: Record<string, unknown> = {}): void {
    const { sessionId, publicKey } = this.identity;
    this.send('hello', { sessionId, publicKey, channels: [], ...data });
  }

  /** Sends a request; returns its id. */
  request(topic: string, command: string, payload: unknown, more: Record<string, unknown> = {}): string {
    const requestId = (more.requestId as string | undefined) ?? randomUUID();
    this.send('request', { requestId, topic, command, payload, ...more });
    return requestId;
  }

  /** Takes the next frame of an event, or that a predicate likes, and leaves the others in the queue. */
  async next(wanted: string | ((frame: RawFrame) => boolean)): Promise<RawFrame> {
    const matches = typeof wanted === 'string' ? (frame: RawFrame) => frame.event === wanted : wanted;
    for (;;) {
      const index = this.queue.findIndex(matches);
      if (index >= 0) return this.queue.splice(index, 1)[0]!;
      if (this.failures.length > 0) throw new Error(`No frame for ${String(wanted)}. ${this.failures.join(' ')}`);
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  /** Waits for the outcome of a request and opens it. */
  async outcome(topic: string, requestId: string): Promise<unknown> {
    const { data } = await this.next(
      (frame) => frame.event === this.channel(topic) && frame.data.requestId === requestId,
    );
    return this.open(topic, requestId, data.sealed);
  }

  /** Opens a sealed result. */
  async open(topic: string, requestId: string, sealed: SealedResult): Promise<unknown> {
    return JSON.parse(await openResult(this.identity, topic, requestId, sealed)) as unknown;
  }

  /** All frames that came and were not taken. */
  get unread(): readonly RawFrame[] {
    return this.queue;
  }

  /** Lets go of them. */
  forget(): void {
    this.queue.length = 0;
  }

  channel(topic: string): string {
    return `socket/${topic}/${this.identity.sessionId}`;
  }

  /** Cuts the connection without a goodbye. */
  async cut(): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}
