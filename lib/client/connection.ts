import { mayReconnect } from '../protocol/close-codes.js';
import type { ClientFrames, GatewayFrames } from '../protocol/frames.js';
import { messageOf } from '../kafka-socket.error.js';
import type { ClientClock } from './client.clock.js';
import { ClientClosedError, ConnectionFailedError } from './client.errors.js';
import { GatewaySocket, type WebSocketConstructor } from './gateway.socket.js';
import { ReconnectBackoff } from './reconnect.backoff.js';

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
  readonly url: string;
  readonly WebSocket: WebSocketConstructor;
  /** Milliseconds from the beginning of an attempt to the welcome. */
  readonly connectTimeout: number;
  readonly clock: ClientClock;
}

/** Where there was no close frame, or nobody to send one. */
const ABNORMAL = 1006;

/** Keeps one socket to one of the gateways, for as long as it may. */
export class Connection {
  readonly #settings: ConnectionSettings;
  readonly #events: ConnectionEvents;
  readonly #backoff: ReconnectBackoff;
  readonly #clock: ClientClock;
  #state: ConnectionState = 'closed';
  #lost: StateDetails['lost'];
  /** The attempt or socket that counts; whatever an earlier one still has to say is out of date. */
  #current: { socket?: GatewaySocket } | undefined;
  #heard = 0;
  #stopTimer: (() => void) | undefined;

  constructor(settings: ConnectionSettings, backoff: ReconnectBackoff, events: ConnectionEvents) {
    this.#settings = settings;
    this.#backoff = backoff;
    this.#events = events;
    this.#clock = settings.clock;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The socket, from its hello on. */
  get socket(): GatewaySocket | undefined {
    return this.#current?.socket;
  }

  /** Connects where it is not connected or about to be. */
  open(): void {
    if (this.#state === 'closed' || this.#state === 'waiting') void this.#attempt();
  }

  /** Makes the next attempt now where one is due later. */
  retryNow(): void {
    if (this.#state === 'waiting') void this.#attempt();
  }

  /** The gateway has said welcome; from now on it must be heard in time. */
  welcomed({ interval, timeout }: GatewayFrames['welcome']['heartbeat']): void {
    this.#watch(interval + timeout, 'nothing was heard from the gateway, not even a ping');
    this.#backoff.connected();
  }

  /** What was missed comes in. */
  recovering(): void {
    this.#change('recovering');
  }

  /** Nothing that was missed is on its way any more. */
  caughtUp(): void {
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
    this.#change('connecting');
    this.#watch(this.#settings.connectTimeout, 'no welcome came; is this the address of a gateway?');
    try {
      const hello = await this.#events.prepare();
      if (isCurrent()) attempt.socket = this.#openSocket(hello);
    } catch (cause) {
      if (!isCurrent()) return;
      this.#giveUp(`key or token could not be had (${messageOf(cause)})`);
      this.#events.failed(
        new ConnectionFailedError(
          `The client could not get its key or its token ready: ${messageOf(cause)}. It goes on trying.`,
          {
            cause,
            temporary: true,
          },
        ),
      );
    }
  }

  /** Its events come later than this returns, and none comes once it was dropped. */
  #openSocket(hello: () => ClientFrames['hello']): GatewaySocket | undefined {
    const { WebSocket, url } = this.#settings;
    try {
      const socket: GatewaySocket = new GatewaySocket(WebSocket, url, {
        opened: () => socket.send('hello', hello()),
        received: (data) => this.#received(data),
        closed: (code, reason) => this.#ended(code, reason),
      });
      return socket;
    } catch (cause) {
      // Only what is wrong with the address makes the constructor throw, and that stays wrong.
      this.close(new ClientClosedError(`No WebSocket can be made for "${url}": ${messageOf(cause)}.`, { cause }));
      return undefined;
    }
  }

  #received(data: unknown): void {
    this.#heard = this.#clock.now();
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
    const retryIn = this.#backoff.next();
    this.#stopTimer = this.#clock.after(retryIn, () => void this.#attempt());
    this.#events.lost(closeCode);
    this.#change('waiting', retryIn);
  }

  /** Gives up where nothing is heard for so many milliseconds. */
  #watch(limit: number, why: string): void {
    this.#stopTimer?.();
    this.#heard = this.#clock.now();
    const check = (): void => {
      const left = this.#heard + limit - this.#clock.now();
      if (left > 0) this.#stopTimer = this.#clock.after(left, check);
      else this.#giveUp(`${why} (${limit} ms)`);
    };
    this.#stopTimer = this.#clock.after(limit, check);
  }

  #release(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#current?.socket?.drop();
    this.#current = undefined;
  }

  #change(state: ConnectionState, retryIn?: number): void {
    this.#state = state;
    const lost = state === 'live' || state === 'recovering' ? undefined : this.#lost;
    this.#events.changed(state, { ...(lost && { lost }), ...(retryIn !== undefined && { retryIn }) });
  }
}
