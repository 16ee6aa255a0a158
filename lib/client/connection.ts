import { CloseCode, mayReconnect } from '../protocol/close-codes.js';
import type { ClientFrames, GatewayFrames } from '../protocol/frames.js';
import { messageOf } from '../kafka-socket.error.js';
import type { ClientClock } from './client.clock.js';
import { ClientClosedError, ConnectionFailedError } from './client.errors.js';
import { GatewaySocket, type WebSocketConstructor } from './gateway.socket.js';
import { HeartbeatWatch } from './heartbeat.watch.js';
import type { ReconnectBackoff } from './reconnect.backoff.js';
import { SilenceWatch } from './silence.watch.js';

/**
 * - `connecting`: an attempt is under way, up to the gateway's welcome
 * - `recovering`: connected, and what was missed comes in
 * - `live`: connected and up to date
 * - `waiting`: the connection was lost; the next attempt follows by itself
 * - `closed`: for good, by `close()` or by the gateway; `connect()` begins anew
 */
export type ConnectionState = 'connecting' | 'recovering' | 'live' | 'waiting' | 'closed';

/** What is known beside the state. */
export interface StateDetails {
  /** Why the last socket ended. `code` is a close code; 1006 where there was none. */
  readonly lost?: { readonly code: number; readonly reason: string };
  /** With `waiting`: milliseconds until the next attempt. */
  readonly retryIn?: number;
}

/** What the connection needs from the client, and what it tells it. */
export interface ConnectionEvents {
  /** Gets ready for an attempt: key and token. Resolves with what makes the hello, called once the socket is open. */
  prepare(): Promise<() => ClientFrames['hello']>;
  received(data: unknown): void;
  changed(state: ConnectionState, details: StateDetails): void;
  /**
   * There is no gateway any more.
   * @param closeCode why
   * @param ended where the connection will not come back by itself
   */
  lost(closeCode: number, ended?: ClientClosedError): void;
  failed(error: ConnectionFailedError): void;
}

/** What the connection goes by, from the client's options. */
export interface ConnectionSettings {
  readonly WebSocket: WebSocketConstructor;
  /** Milliseconds from the beginning of an attempt to the welcome. */
  readonly connectTimeout: number;
  /** Milliseconds that nothing of what was missed may come in. */
  readonly recoveryTimeout: number;
  readonly clock: ClientClock;
}

/** Where there was no close frame, or nobody to send one. */
const ABNORMAL = 1006;

/** Keeps one socket to one of the gateways, for as long as it may. */
export class Connection {
  readonly #url: string;
  readonly #settings: ConnectionSettings;
  readonly #events: ConnectionEvents;
  readonly #backoff: ReconnectBackoff;
  readonly #clock: ClientClock;
  #state: ConnectionState = 'closed';
  #lost: StateDetails['lost'];
  /** The attempt or socket that counts; whatever an earlier one still has to say is out of date. */
  #current: { socket?: GatewaySocket } | undefined;
  #retryAt = 0;
  /** Of the attempt that is under way or due. */
  #stopTimer: (() => void) | undefined;
  readonly #heartbeat: HeartbeatWatch;
  readonly #standstill: SilenceWatch;

  constructor(url: string, settings: ConnectionSettings, backoff: ReconnectBackoff, events: ConnectionEvents) {
    this.#url = url;
    this.#settings = settings;
    this.#backoff = backoff;
    this.#events = events;
    this.#clock = settings.clock;
    this.#heartbeat = new HeartbeatWatch(settings.clock, (why) => this.#giveUp(why));
    this.#standstill = new SilenceWatch(settings.clock);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The socket, from its hello on. */
  get socket(): GatewaySocket | undefined {
    return this.#current?.socket;
  }

  /** Connects where it is not connected or about to be, and finds out whether it still is where it was. */
  open(): void {
    if (this.#state === 'closed' || this.#state === 'waiting') void this.#attempt();
    else this.#heartbeat.probe();
  }

  /** The network changed, or the page or the device woke up. */
  wake(): void {
    if (this.#state !== 'waiting') return this.#heartbeat.probe();
    if (this.#lost?.code === CloseCode.rate) return; // no news can make that pause shorter
    const pause = this.#backoff.soon();
    if (this.#clock.now() + pause < this.#retryAt) this.#attemptIn(pause);
  }

  /** The gateway has said welcome; from now on it must be heard in time. */
  welcomed(heartbeat: GatewayFrames['welcome']['heartbeat']): void {
    this.#stopTimer?.();
    // It changes nothing, and is answered.
    this.#heartbeat.start(heartbeat, () => this.socket?.send('unsubscribe', { channels: [] }));
    this.#backoff.connected();
  }

  /** What was missed comes in, and must go on doing so. */
  recovering(): void {
    const limit = this.#settings.recoveryTimeout;
    this.#standstill.start(limit, () => this.#giveUp(`nothing of what was missed came in for ${limit} ms`));
    this.#change('recovering');
  }

  /** Some of what was missed has come, or was passed by. */
  progressed(): void {
    this.#standstill.heard();
  }

  /** Nothing that was missed is on its way any more. */
  caughtUp(): void {
    this.#standstill.stop();
    this.#change('live');
  }

  /** Ends the connection for good. */
  close(error: ClientClosedError, closeCode = ABNORMAL): void {
    if (this.#state === 'closed') return;
    this.#release();
    this.#events.lost(closeCode, error);
    this.#change('closed'); // last: whoever hears of it may connect again
  }

  async #attempt(): Promise<void> {
    this.#release();
    const attempt: { socket?: GatewaySocket } = {};
    const isCurrent = (): boolean => this.#current === attempt;
    this.#current = attempt;
    const limit = this.#settings.connectTimeout;
    this.#stopTimer = this.#clock.after(limit, () =>
      this.#giveUp(`no welcome came within ${limit} ms; is this the address of a gateway?`),
    );
    this.#change('connecting');
    try {
      const hello = await this.#events.prepare();
      if (isCurrent()) attempt.socket = this.#openSocket(hello);
    } catch (cause) {
      if (isCurrent()) this.#unprepared(messageOf(cause), cause);
    }
  }

  #unprepared(why: string, cause: unknown): void {
    this.#giveUp(`key or token could not be had (${why})`);
    const message = `The client could not get its key or its token ready: ${why}. It goes on trying.`;
    this.#events.failed(new ConnectionFailedError(message, { cause, temporary: true }));
  }

  /** Its events come later than this returns, and none comes once it was dropped. */
  #openSocket(hello: () => ClientFrames['hello']): GatewaySocket | undefined {
    try {
      const socket: GatewaySocket = new GatewaySocket(this.#settings.WebSocket, this.#url, {
        opened: () => socket.send('hello', hello()),
        received: (data) => this.#received(data),
        closed: (code, reason) => this.#ended(code, reason),
      });
      return socket;
    } catch (cause) {
      // Only what is wrong with the address makes the constructor throw, and that stays wrong.
      this.close(new ClientClosedError(`No WebSocket can be made for "${this.#url}": ${messageOf(cause)}.`, { cause }));
      return undefined;
    }
  }

  #received(data: unknown): void {
    this.#heartbeat.heard();
    this.#events.received(data);
  }

  #ended(code: number, reason: string): void {
    this.#lost = { code, reason };
    if (mayReconnect(code)) return this.#retry(code);
    const why = `The gateway closed the connection with ${code}${reason && ` (${reason})`} and does not want it back`;
    this.close(new ClientClosedError(`${why}. Change what it complains of, then call connect().`), code);
  }

  /** Gives up on the present attempt or socket, by our own judgement. */
  #giveUp(why: string): void {
    this.#lost = { code: ABNORMAL, reason: why };
    this.#retry(ABNORMAL);
  }

  #retry(closeCode: number): void {
    this.#release();
    const retryIn = this.#backoff.next(closeCode);
    this.#attemptIn(retryIn);
    this.#events.lost(closeCode);
    this.#change('waiting', retryIn);
  }

  #attemptIn(pause: number): void {
    this.#stopTimer?.();
    this.#retryAt = this.#clock.now() + pause;
    this.#stopTimer = this.#clock.after(pause, () => void this.#attempt());
  }

  #release(): void {
    this.#stopTimer?.();
    this.#heartbeat.stop();
    this.#standstill.stop();
    this.#current?.socket?.drop();
    this.#current = undefined;
  }

  #change(state: ConnectionState, retryIn?: number): void {
    this.#state = state;
    const lost = state === 'live' || state === 'recovering' ? undefined : this.#lost;
    this.#events.changed(state, { ...(lost && { lost }), ...(retryIn !== undefined && { retryIn }) });
  }
}
