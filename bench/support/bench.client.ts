import { createECDH, randomBytes } from 'node:crypto';
import type { GatewayFrames, Positions } from '../../lib/protocol/frames.js';
import { type LeanListener, LeanSocket } from './lean.socket.js';

/** What a client asks for when it connects. */
export interface BenchHello {
  readonly channels: readonly string[];
  readonly positions?: Positions;
}

/** Takes a broadcast as it came: text between two indices. */
export type OnBroadcast = (buffer: Buffer, start: number, end: number) => void;

/** How a recovery ended. */
export interface Recovered {
  /** Whether all was there, and as many frames came as the gateway says that it sent. */
  readonly complete: boolean;
  readonly frames: number;
}

const EVENT_NAME = '{"event":"'.length;
const BROADCAST = 's'.charCodeAt(0);

/** A client of the gateway that counts what it gets and reads no more of it than it must. */
export class BenchClient implements LeanListener {
  /** Broadcasts so far. */
  frames = 0;
  readonly welcome: Promise<GatewayFrames['welcome']>;
  readonly recovered: Promise<Recovered>;
  /** Resolves with the close code. */
  readonly over: Promise<number>;
  readonly socket: LeanSocket;
  private readonly text: string;
  private readonly told: Record<string, (data: never) => void> = {};
  private toldOver: (code: number) => void = () => undefined;

  constructor(
    url: string,
    hello: BenchHello,
    private readonly onBroadcast: OnBroadcast = () => undefined,
    localAddress?: string,
  ) {
    const sessionId = randomBytes(16).toString('base64url');
    this.text = JSON.stringify({
      event: 'hello',
      data: { sessionId, publicKey: createECDH('prime256v1').generateKeys('base64url'), ...hello },
    });
    this.over = new Promise((resolve) => (this.toldOver = resolve));
    this.welcome = this.first('welcome', (welcome: GatewayFrames['welcome']) => welcome);
    this.recovered = this.first('recovered', ({ complete, count }: GatewayFrames['recovered']) => ({
      complete: complete && count === this.frames,
      frames: this.frames,
    }));
    this.recovered.catch(() => undefined); // of no interest where nothing was missed
    this.socket = new LeanSocket(url, this, localAddress);
  }

  opened(): void {
    this.socket.send(this.text);
  }

  frame(buffer: Buffer, start: number, end: number): void {
    if (buffer[start + EVENT_NAME] === BROADCAST) {
      this.frames++;
      this.onBroadcast(buffer, start, end);
      return;
    }
    const { event, data } = JSON.parse(buffer.toString('utf8', start, end)) as { event: string; data: never };
    if (event === 'ping') this.socket.send('{"event":"pong","data":{}}');
    this.told[event]?.(data);
  }

  closed(code: number): void {
    this.toldOver(code);
  }

  /**
   * The first frame of an event; rejects where the socket closes before.
   * @param read is called before the next frame is looked at, which may have come in the same piece
   */
  private first<R>(event: string, read: (data: never) => R): Promise<R> {
    return new Promise((resolve, reject) => {
      this.told[event] = (data) => resolve(read(data));
      void this.over.then((code) => reject(new Error(`Closed with ${code} before "${event}" came.`)));
    });
  }
}
