import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { KafkaSocketClient } from '../../lib/client/kafka-socket.client.js';
import type { ClientOptionsInput } from '../../lib/client/client.options.js';
import type { ConnectionState } from '../../lib/client/connection.js';
import type { Contract, UntypedContract } from '../../lib/client/client.contract.js';
import { ResultSealer } from '../../lib/gateway/sealing/result.sealer.js';
import { broadcastChannel, resultChannel, sealedFor, SUBPROTOCOL } from '../../lib/protocol/channels.js';
import type { At, BroadcastFrame, ClientFrames, GatewayFrames, Sealed } from '../../lib/protocol/frames.js';
import type { Outcome } from '../../lib/protocol/outcome.js';
import { ManualClock } from './manual.clock.js';

/** Longest wait for something that a script expects next, in milliseconds. */
const PATIENCE = 5_000;

/** Values in the order in which they came; whoever waits gets the next one, so none is missed. */
class Inbox<T> {
  private readonly values: T[] = [];
  private readonly takers: ((value: T) => void)[] = [];

  constructor(private readonly what: string) {}

  put(value: T): void {
    const taker = this.takers.shift();
    if (taker) taker(value);
    else this.values.push(value);
  }

  take(): Promise<T> {
    if (this.values.length > 0) return Promise.resolve(this.values.shift()!);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`No ${this.what} came within ${PATIENCE} ms.`)), PATIENCE);
      this.takers.push((value) => {
        clearTimeout(timer);
        resolve(value);
      });
    });
  }
}

interface ClientFrame<E extends keyof ClientFrames = keyof ClientFrames> {
  readonly event: E;
  readonly data: ClientFrames[E];
  readonly id?: string;
}

/** One client's socket, as a gateway sees it. A test says line by line what the gateway does. */
export class ScriptedSocket {
  private readonly frames = new Inbox<ClientFrame>('frame');
  private readonly sealer = new ResultSealer(10);
  private pongsDue = 0;
  /** Resolves with the close code that the gateway sees. */
  readonly closed: Promise<number>;
  hello!: ClientFrames['hello'];

  constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => this.frames.put(JSON.parse((data as Buffer).toString()) as ClientFrame));
    this.closed = new Promise((resolve) => void socket.on('close', resolve));
  }

  /** The next frame, which must be of this kind. */
  async next<E extends keyof ClientFrames>(event: E): Promise<ClientFrames[E]> {
    return (await this.nextFrame(event)).data;
  }

  /** The same with the `id` of the frame. */
  async nextFrame<E extends keyof ClientFrames>(event: E): Promise<ClientFrame<E>> {
    const frame = await this.take();
    if (frame.event !== event) throw new Error(`Expected "${event}", and this came: ${JSON.stringify(frame)}`);
    return frame as ClientFrame<E>;
  }

  private async take(): Promise<ClientFrame> {
    const frame = await this.frames.take();
    if (frame.event === 'pong') this.pongsDue--;
    return frame;
  }

  /** Sends one of the gateway's frames; `id` echoes a client's. */
  send<E extends keyof GatewayFrames>(event: E, data: GatewayFrames[E], id?: string): void {
    if (event === 'ping') this.pongsDue++;
    this.sendRaw(JSON.stringify({ event, data, id }));
  }

  sendRaw(message: string | Buffer): void {
    this.socket.send(message);
  }

  welcome(data: Partial<GatewayFrames['welcome']> = {}): void {
    this.send('welcome', {
      sessionId: this.hello.sessionId,
      epoch: 'log-1',
      positions: { auction: { 0: '9', 1: '19' } },
      heartbeat: { interval: 25_000, timeout: 8_000 },
      limits: { payload: 65_536, rate: 50 },
      ...data,
    });
  }

  /** Kafka has a command. */
  accept(
    { requestId }: { requestId: string },
    at: At = ['auction', 0, '10'],
    outcome?: { at: At; sealed: Sealed },
  ): void {
    this.send('accepted', { requestId, at, ...(outcome && { outcome }) });
  }

  /** The outcome of a request, sealed for this client. */
  result({ requestId }: { requestId: string }, at: At, outcome: Outcome | string): void {
    this.sendResult(requestId, at, this.seal(requestId, at, outcome));
  }

  /** A result frame with any seal. */
  sendResult(requestId: string, at: At, sealed: Sealed): void {
    const event = resultChannel(at[0], this.hello.sessionId);
    this.sendRaw(JSON.stringify({ event, data: { at, requestId, sealed } }));
  }

  seal(requestId: string, at: At, outcome: Outcome | string): Sealed {
    const text = typeof outcome === 'string' ? outcome : JSON.stringify(outcome);
    return this.sealer.seal(this.hello.publicKey, sealedFor(at[0], this.hello.sessionId, requestId), text);
  }

  broadcast(at: At, type: string, more: Partial<BroadcastFrame> = {}): void {
    const data: BroadcastFrame = { at, id: `event-${at[2]}`, type, time: '2026-08-01T12:00:00.000Z', ...more };
    this.sendRaw(JSON.stringify({ event: broadcastChannel(at[0]), data }));
  }

  /**
   * Resolves once the client has read all that was sent before: it answers pings in their turn.
   * @returns what it sent before that and nobody took, its pongs aside
   */
  async seen(): Promise<ClientFrame[]> {
    this.send('ping', { positions: {} });
    const frames: ClientFrame[] = [];
    while (this.pongsDue > 0) {
      const frame = await this.take();
      if (frame.event !== 'pong') frames.push(frame);
    }
    return frames;
  }

  close(code: number, reason = ''): void {
    this.socket.close(code, reason);
  }

  /** Cuts the line: the client sees 1006. */
  cut(): void {
    this.socket.terminate();
  }
}

/** A peer that speaks the gateway's half of the protocol as a test tells it to: for what a real gateway does once in a year. */
export class ScriptedGateway {
  private readonly sockets = new Inbox<ScriptedSocket>('connection');

  private constructor(private readonly server: WebSocketServer) {
    server.on('connection', (socket) => this.sockets.put(new ScriptedSocket(socket)));
  }

  /** Listens on a port of its own until the test ends. */
  static async start(): Promise<ScriptedGateway> {
    const server = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      handleProtocols: (offered) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
    });
    onTestFinished(() => {
      for (const client of server.clients) client.terminate();
      server.close();
    });
    await new Promise<void>((resolve) => void server.once('listening', resolve));
    return new ScriptedGateway(server);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The next socket, before its hello. */
  nextSocket(): Promise<ScriptedSocket> {
    return this.sockets.take();
  }

  /** The next socket, with its hello read and not answered yet. */
  async next(): Promise<ScriptedSocket> {
    const socket = await this.nextSocket();
    socket.hello = await socket.next('hello');
    return socket;
  }
}

/** A client whose time stands still, closed when the test ends. Pauses between attempts are as long as they can be. */
export function startClient<C extends Contract = UntypedContract>(
  gateway: ScriptedGateway,
  options: ClientOptionsInput = {},
): { client: KafkaSocketClient<C>; clock: ManualClock; errors: Error[] } {
  const clock = new ManualClock();
  const client = new KafkaSocketClient<C>(gateway.url, { WebSocket, clock, random: () => 1, ...options });
  const errors: Error[] = [];
  client.onError((error) => errors.push(error));
  onTestFinished(() => client.close());
  return { client, clock, errors };
}

/** The same, welcomed and live. */
export async function startLiveClient<C extends Contract = UntypedContract>(
  options: ClientOptionsInput = {},
  welcome: Partial<GatewayFrames['welcome']> = {},
) {
  const gateway = await ScriptedGateway.start();
  const started = startClient<C>(gateway, options);
  const socket = await gateway.next();
  socket.welcome(welcome);
  await started.client.ready();
  return { gateway, socket, ...started };
}

/** Resolves when the client comes into a state. */
export function reached(client: Pick<KafkaSocketClient, 'state' | 'onState'>, state: ConnectionState): Promise<void> {
  if (client.state === state) return Promise.resolve();
  return new Promise((resolve) => {
    const off = client.onState((now) => {
      if (now !== state) return;
      off();
      resolve();
    });
  });
}

/** Resolves when the client has lost its connection, with the milliseconds until its next attempt. */
export function waiting(client: Pick<KafkaSocketClient, 'onState'>): Promise<number> {
  return new Promise((resolve) => {
    const off = client.onState((now, { retryIn }) => {
      if (now !== 'waiting') return;
      off();
      resolve(retryIn!);
    });
  });
}

/** What a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail.');
}
