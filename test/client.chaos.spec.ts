import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createIdentity } from '../lib/client/client.identity.js';
import type { WebSocketLike } from '../lib/client/gateway.socket.js';
import { KafkaSocketClient } from '../lib/client/kafka-socket.client.js';
import { TokenBucket } from '../lib/gateway/socket/token.bucket.js';
import { KafkaSocketError } from '../lib/kafka-socket.error.js';
import type { ClientFrames, Frame } from '../lib/protocol/frames.js';
import { ManualClock } from './support/manual.clock.js';

const RATE = 5;
const CLOSE_CODES = [1000, 1001, 1006, 1009, 1011, 4001, 4005, 4008, 4010, 4012, 4013, 4500, 4504, 4599];

/** A gateway's end of a socket, without a network: what happens on it, and when, is up to the test. */
class ChaosSocket extends EventTarget {
  readyState = 0;
  readonly sent: Frame[] = [];
  /** Frames that a gateway would have refused for their number. */
  refused = 0;
  /** What a gateway counts with: the client must never be refused. */
  private readonly bucket: TokenBucket;

  constructor(clock: ManualClock) {
    super();
    this.bucket = new TokenBucket(RATE, () => clock.now());
  }

  send(text: string): void {
    const frame = JSON.parse(text) as Frame;
    this.sent.push(frame);
    // What the application shows a token for is its own: the client keeps a pace for all else.
    if (frame.event !== 'refresh' && !this.bucket.take()) this.refused++;
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }

  say(event: string, data: unknown, id?: string): void {
    if (this.readyState === 1) this.hear(JSON.stringify({ event, data, id }));
  }

  hear(data: unknown): void {
    if (this.readyState === 1) this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }

  end(code: number): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason: 'chaos' }));
  }
}

/** A client, the sockets that it made, and the promises that it gave. */
class World {
  readonly clock = new ManualClock();
  readonly promises: Promise<unknown>[] = [];
  readonly strangers: unknown[] = [];
  readonly client: KafkaSocketClient;
  readonly sockets: ChaosSocket[] = [];
  private readonly offs: (() => void)[] = [];
  private offset = 0;

  constructor(identity: Awaited<ReturnType<typeof createIdentity>>) {
    const { clock, sockets } = this;
    const implementation = function (): WebSocketLike {
      const socket = new ChaosSocket(clock);
      sockets.push(socket);
      return socket as unknown as WebSocketLike;
    } as unknown as new () => WebSocketLike;
    const token = () => Promise.resolve({ token: 't', expires: new Date(Date.now() + 60_000) });
    this.client = new KafkaSocketClient('ws://chaos', {
      WebSocket: implementation,
      clock,
      identity,
      token,
      offlineQueue: 5,
    });
    this.client.onError((error) => {
      if (!(error instanceof KafkaSocketError)) this.strangers.push(error);
    });
  }

  get socket(): ChaosSocket | undefined {
    return this.sockets.at(-1);
  }

  keep(promise: Promise<unknown>): void {
    promise.catch(() => undefined);
    this.promises.push(promise);
  }

  listen(topic: string): void {
    this.offs.push(
      this.client.on(topic, 'Bid', 'Created', () => {
        if (this.offset % 5 === 0) throw new Error('a listener that fails');
      }),
    );
  }

  unlisten(): void {
    this.offs.shift()?.();
  }

  /** The next attempt is made, and a gateway takes the client. */
  async arrive(recovered: boolean): Promise<void> {
    this.clock.advance(21_000);
    await nextTurn();
    this.socket?.open();
    this.welcome();
    if (recovered) this.socket?.say('recovered', { topic: 'auction', complete: true, count: 0 });
  }

  /** The last request that was sent, for the gateway to say something about. */
  get request(): ClientFrames['request'] | undefined {
    return last(this.socket, ({ event }) => event === 'request')?.data as ClientFrames['request'] | undefined;
  }

  welcome(): void {
    this.socket?.say('welcome', {
      sessionId: this.client.sessionId,
      epoch: 'e',
      positions: { auction: { 0: String(this.offset) } },
      heartbeat: { interval: 25_000, timeout: 8_000 },
      limits: { payload: 65_536, rate: RATE },
    });
  }

  broadcast(): void {
    const at = ['auction', 0, String(++this.offset)];
    this.socket?.say('socket/auction/broadcast', { at, id: 'i', type: 'Bid.Created', time: 't' });
  }

  result(): void {
    const sealed = { enc: 'AAAA', iv: 'AAAA', ct: 'AAAA' }; // none that opens
    const at = ['auction', 0, String(++this.offset)];
    const requestId = this.request?.requestId ?? 'somebody';
    this.socket?.say(`socket/auction/${this.client.sessionId}`, { at, requestId, sealed });
  }
}

type Step = (world: World) => unknown;

/** What most of the time happens: without it, chaos would hardly ever meet a client that is live. */
const LIVE: fc.Arbitrary<Step> = fc.boolean().map((recovered) => (w) => w.arrive(recovered));
const BURST: fc.Arbitrary<Step> = fc.integer({ min: 2, max: 12 }).map((count) => async (w) => {
  for (let i = 0; i < count; i++) {
    w.keep(w.client.send('auction', 'PlaceBid', { i }));
    w.listen(`topic-${i % 3}`);
    await nextTurn();
    w.unlisten();
  }
});

const STEPS: fc.Arbitrary<Step>[] = [
  fc.integer({ min: 1, max: 60_000 }).map((ttl) => (w) => w.keep(w.client.send('auction', 'PlaceBid', {}, { ttl }))),
  fc.constant((w) => w.keep(w.client.send('auction', 'PlaceBid', {}, { signal: AbortSignal.abort() }))),
  fc.constant((w) => w.keep(w.client.ready())),
  fc.option(fc.constant('given')).map((token) => (w) => w.keep(w.client.refresh(token ?? undefined))),
  fc.constantFrom('auction', 'billing', 'shipping').map((topic) => (w) => w.listen(topic)),
  fc.constant((w) => w.unlisten()),
  fc.constant((w) => w.client.connect()),
  fc.constant((w) => w.socket?.open()),
  fc.constant((w) => w.socket?.open()),
  fc.constant((w) => w.welcome()),
  fc.constant((w) => w.welcome()),
  fc.constant((w) => w.socket?.say('recovered', { topic: 'auction', complete: true, count: 0 })),
  fc.constant((w) => w.socket?.say('accepted', { requestId: w.request?.requestId, at: ['auction', 0, '1'] })),
  fc.constantFrom('rate', 'pending', 'unavailable', 'internal', 'forbidden', 'something new').map((code) => (w) => {
    w.socket?.say('error', { requestId: w.request?.requestId, code, message: 'm', temporary: true });
  }),
  fc.constant((w) => {
    const frame = last(w.socket, ({ id }) => id !== undefined);
    w.socket?.say('error', { code: 'rate', message: 'm', temporary: true }, frame?.id);
  }),
  fc.constant((w) => w.broadcast()),
  fc.constant((w) => w.result()),
  fc.json().map((text) => (w) => w.socket?.hear(text)),
  fc
    .tuple(fc.constantFrom('welcome', 'recovered', 'ping', 'error', 'subscribed', 'socket/a/broadcast'), fc.jsonValue())
    .map(
      ([event, data]) =>
        (w) =>
          w.socket?.say(event, data),
    ),
  fc.constantFrom(...CLOSE_CODES).map((code) => (w) => w.socket?.end(code)),
  fc.integer({ min: 0, max: 40_000 }).map((ms) => (w) => w.clock.advance(ms)),
  fc.integer({ min: 0, max: 40_000 }).map((ms) => (w) => w.clock.freeze(ms)),
];

const STEP = fc.oneof({ weight: 4, arbitrary: LIVE }, { weight: 3, arbitrary: BURST }, ...STEPS);

describe('a client to which anything happens', () => {
  it('settles all that it promised when it is closed, and leaves nothing behind', { timeout: 120_000 }, async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    const identity = await createIdentity();
    const seen: Record<string, number> = {};

    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { minLength: 10, maxLength: 80 }), async (steps) => {
        const world = new World(identity);
        while (!world.socket) await nextTurn(); // the key is exported elsewhere
        for (const step of steps) {
          await step(world);
          await nextTurn();
        }
        world.client.close();
        await Promise.allSettled(world.promises);

        expect(world.client.state).toBe('closed');
        expect(world.clock.pending).toBe(0);
        expect(world.strangers).toEqual([]);
        expect(world.sockets.map(({ refused }) => refused).filter(Boolean)).toEqual([]);
        for (const { sent } of world.sockets) for (const { event } of sent) seen[event] = (seen[event] ?? 0) + 1;
        expect(unhandled).toEqual([]);
      }),
      { numRuns: 300 },
    );
    // That the chaos was one for clients that are live, too.
    for (const event of ['hello', 'request', 'subscribe', 'unsubscribe', 'refresh']) {
      expect(seen[event], event).toBeGreaterThan(20);
    }
  });
});

/** The last frame of its kind that a client sent on a socket. */
function last(socket: ChaosSocket | undefined, is: (frame: Frame) => boolean): Frame | undefined {
  return socket?.sent.filter(is).at(-1);
}

/** All that is due without time passing has its turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
