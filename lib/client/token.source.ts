import type { GatewayFrames } from '../protocol/frames.js';
import type { ClientClock } from './client.clock.js';
import { TokenRefreshError } from './client.errors.js';
import type { GatewaySocket } from './gateway.socket.js';

/** A token, or what gets one: called for every connection and every refresh. */
export type TokenOption = string | (() => string | Promise<string>);

interface Refresh {
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

  /** @param timeout how long a gateway may take to answer, in milliseconds */
  constructor(token: TokenOption | undefined, clock: ClientClock, timeout: number) {
    this.#token = token;
    this.#clock = clock;
    this.#timeout = timeout;
  }

  /** The token to show now. */
  async current(): Promise<string | undefined> {
    return typeof this.#token === 'function' ? this.#token() : this.#token;
  }

  replace(token: string): void {
    this.#token = token;
  }

  /** Shows a token on an open socket. Resolves with when it ends, where the gateway says so. */
  refresh(socket: GatewaySocket, token: string): Promise<Date | undefined> {
    const id = `refresh-${++this.#asked}`;
    return new Promise((resolve, reject) => {
      const stopTimer = this.#clock.after(this.#timeout, () =>
        this.#take(id)?.reject(
          new TokenRefreshError(`The gateway did not answer within ${this.#timeout} ms.`, { temporary: true }),
        ),
      );
      this.#refreshes.set(id, {
        resolve: (expires) => resolve((stopTimer(), expires)),
        reject: (error) => reject((stopTimer(), error)),
      });
      socket.send('refresh', { token }, id);
    });
  }

  /** The gateway has taken it. */
  refreshed({ expires }: GatewayFrames['refreshed'], id: string | undefined): void {
    this.#take(id)?.resolve(expires === undefined ? undefined : new Date(expires));
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

  #take(id = ''): Refresh | undefined {
    const refresh = this.#refreshes.get(id);
    this.#refreshes.delete(id);
    return refresh;
  }
}
