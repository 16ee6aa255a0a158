/** What an application verified about a client. It travels in the bread crumb `user`, as JSON. */
export interface Claims {
  /** Who it is; sockets of one session with different subjects never share a result. */
  readonly sub: string;
  readonly [claim: string]: unknown;
}
