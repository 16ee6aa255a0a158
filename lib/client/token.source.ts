import { messageOf } from '../kafka-socket.error.js';
import type { GatewayFrames } from '../protocol/frames.js';
import type { ClientClock } from './client.clock.js';
import { TokenRefreshError } from './client.errors.js';
import type { GatewaySocket } from './gateway.socket.js';

/** A token and when it ends, so that the client can show the next one in time. */
export interface ExpiringToken {
  readonly token: string;
  readonly expires?: Date;
}

/** A token, or what gets one: called for every connection and every refresh. */
export type TokenOption = string | (() => string | ExpiringToken | Promise<string | ExpiringToken>);

interface Refresh {
  /** By the word of whoever made the token. */
  expires?: Date;
  resolve(expires: Date | undefined): void;
  reject(error: Error): void;
}

/** Where tokens come from, and the refreshes that the gateway has not answered yet. */
export class TokenSource {
  readonly #refreshes = new Map<string, Refresh>();
  readonly #clock: ClientClock;
  readonly #timeout: number;
  #token: TokenOption | undefined;
  #asked = 0;

  /** @param timeout how long a token may take to come and to be taken, in milliseconds */
  constructor(token: TokenOption | undefined, clock: ClientClock, timeout: number) {
    this.#token = token;
    this.#clock = clock;
    this.#timeout = timeout;
  }

  /** Whether a fresh token can be had. */
  get renews(): boolean {
    return typeof this.#token === 'function';
  }

  /** The token to show now. */
  async current(): Promise<ExpiringToken | undefined> {
    const token = typeof this.#token === 'function' ? await this.#token() : this.#token;
    return typeof token === 'string' ? { token } : token;
  }

  /** A token that the application has at hand. One that can be had afresh is not replaced: it will be, at the next connection. */
  replace(token: string): void {
    if (!this.renews) this.#token = token;
  }

  /**
   * Shows a token on an open socket.
   * @param token left out: the one to show now
   * @returns when it ends, where that is known
   */
  refresh(socket: GatewaySocket, token?: string): Promise<Date | undefined> {
    const id = `refresh-${++this.#asked}`;
    return new Promise((resolve, reject) => {
      const stopTimer = this.#clock.after(this.#timeout, () =>
        this.#fail(id, `It took more than ${this.#timeout} ms to get a token and to have it taken by the gateway.`),
      );
      this.#refreshes.set(id, {
        resolve: (expires) => resolve((stopTimer(), expires)),
        reject: (error) => reject((stopTimer(), error)),
      });
      void this.#show(socket, id, token);
    });
  }

  /** Never rejects: what goes wrong is told to the refresh. */
  async #show(socket: GatewaySocket, id: string, given: string | undefined): Promise<void> {
    try {
      const fresh = given === undefined ? await this.current() : { token: given };
      const refresh = this.#refreshes.get(id);
      if (!refresh) return; // too late
      refresh.expires = fresh?.expires;
      if (fresh) socket.send('refresh', { token: fresh.token }, id);
      else this.#take(id)?.resolve(undefined);
    } catch (cause) {
      this.#fail(id, `The token could not be had: ${messageOf(cause)}.`, cause);
    }
  }

  /** The gateway has taken it. */
  refreshed({ expires }: GatewayFrames['refreshed'], id: string | undefined): void {
    const refresh = this.#take(id);
    refresh?.resolve(expires === undefined ? refresh.expires : new Date(expires));
  }

  /** The gateway has not taken it. False where the error is about something else. */
  refused({ code, message, temporary }: GatewayFrames['error'], id: string | undefined): boolean {
    const refresh = this.#take(id);
    refresh?.reject(new TokenRefreshError(`The gateway did not take the token: ${message} (${code})`, { temporary }));
    return refresh !== undefined;
  }

  /**
   * The socket is gone: the next hello shows the token.
   * @param ended where there will be no next one
   */
  disconnected(ended: Error | undefined): void {
    for (const id of [...this.#refreshes.keys()]) {
      const refresh = this.#take(id);
      if (ended) refresh?.reject(ended);
      else refresh?.resolve(undefined);
    }
  }

  #fail(id: string, why: string, cause?: unknown): void {
    this.#take(id)?.reject(new TokenRefreshError(why, { cause, temporary: true }));
  }

  #take(id = ''): Refresh | undefined {
    const refresh = this.#refreshes.get(id);
    this.#refreshes.delete(id);
    return refresh;
  }
}
