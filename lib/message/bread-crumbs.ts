/** The partition that a request's outcomes are written to, as `topic/partition` in the `reply` crumb. */
export interface ReplyAddress {
  readonly topic: string;
  readonly partition: number;
}

/**
 * What travels unchanged from a request through every message that follows from it, so that any gateway can tell whose
 * request a result ends, and any service can tell whether there is still time. Nobody passes it by hand: a message
 * published while another one is handled takes it over.
 */
export interface BreadCrumbs {
  /** The client's RequestId (a UUID); crumb `request`. */
  readonly requestId?: string;
  /** The ClientSessionId that asked; crumb `session`. */
  readonly sessionId?: string;
  /** The client's raw uncompressed P-256 point, base64url; crumb `publickey`. */
  readonly publicKey?: string;
  /** Id of the message that all this follows from; a message that starts something names itself. Crumb `correlation`. */
  readonly correlationId: string;
  /** Id of the message being handled when this one was published; crumb `causation`. */
  readonly causationId?: string;
  /** When a command is too late, in milliseconds since the epoch. It stops commands only. Crumb `deadline`. */
  readonly deadline?: number;
  /**
   * When a command that was scheduled is due, in milliseconds since the epoch; one without it was sent at once. Crumb `due`,
   * never inherited.
   */
  readonly due?: number;
  /** Id of the armed time-out; crumb `timeout`. */
  readonly timeoutId?: string;
  /** Where the one outcome belongs; crumb `reply`. */
  readonly reply?: ReplyAddress;
  /** How often this was tried, from 1; crumb `attempt`. */
  readonly attempt: number;
  /** The claims that the gateway verified, as JSON; trusted because only our processes may write to the log. Crumb `user`. */
  readonly user?: string;
  /** Whether this result ends the request: crumb `final`, written as `1`, never inherited. */
  readonly final?: boolean;
  /** Crumbs that this version does not know. They travel on. */
  readonly others?: Readonly<Record<string, string>>;
}
