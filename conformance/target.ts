/** Which gateway is looked at, and what has to be known about it that it does not tell. */
export interface Target {
  /** Its socket, `ws:` or `wss:`. */
  readonly url: string;
  /** A token that it accepts. Left out: it lets everybody in. */
  readonly token?: string;
  /** A token of another user. */
  readonly otherToken?: string;
  /** How long a socket may take to say hello, in milliseconds. */
  readonly helloTimeout: number;
  /** Whether it lets in browsers from anywhere. */
  readonly anyOrigin: boolean;
}

declare module 'vitest' {
  interface ProvidedContext {
    target: Target;
  }
}
