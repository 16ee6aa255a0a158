import type { ErrorCode } from './error-codes.js';

/** Topic, partition, and offset in decimal: the place in the log that a frame was made from. */
export type At = readonly [topic: string, partition: number, offset: string];

/**
 * For each topic and partition the offset of the last record that is done with for this client, delivered or passed by;
 * `"-1"`: nothing yet, all is wanted.
 */
export type Positions = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Which event types are wanted, by topic; a topic that is absent: all of them. */
export type TypesByTopic = Readonly<Record<string, readonly string[]>>;

/** A result that only the holder of the session's private key can open. All in base64url without padding. */
export interface Sealed {
  /** HPKE's encapsulated key. */
  readonly enc: string;
  /** AES-GCM's nonce, 12 bytes. */
  readonly iv: string;
  /** Ciphertext, ending with the tag. */
  readonly ct: string;
}

/** What clients send, by event. Each may carry an `id`, which comes back in the answer. */
export interface ClientFrames {
  hello: {
    sessionId: string;
    publicKey: string;
    token?: string;
    channels: readonly string[];
    types?: TypesByTopic;
    positions?: Positions;
    epoch?: string;
  };
  request: {
    requestId: string;
    topic: string;
    command: string;
    payload: unknown;
    /** Milliseconds. */
    ttl?: number;
    /** Milliseconds since it was first sent, by the client's monotonic clock. */
    age?: number;
    key?: string;
    traceparent?: string;
    /** W3C baggage; taken as far as the gateway was told to. */
    baggage?: string;
    sessionId?: string;
    /** Whether its progress is to be told. */
    progress?: boolean;
  };
  subscribe: { channels: readonly string[]; types?: readonly string[] };
  unsubscribe: { channels: readonly string[]; types?: readonly string[] };
  refresh: { token: string };
  cancel: { requestId: string };
  pong: Record<string, never>;
}

/** What the gateway sends, by event; results and broadcasts have their channel as the event. */
export interface GatewayFrames {
  welcome: {
    sessionId: string;
    epoch: string;
    positions: Positions;
    /** Milliseconds. */
    heartbeat: { interval: number; timeout: number };
    /** Bytes; messages a second. */
    limits: { payload: number; rate: number };
  };
  accepted: { requestId: string; at: At; outcome?: { at: At; sealed: Sealed } };
  subscribed: { channels: readonly string[]; types?: readonly string[]; positions: Positions };
  unsubscribed: { channels: readonly string[]; types?: readonly string[]; positions: Positions };
  refreshed: { expires?: string };
  progress: ProgressFrame;
  incomplete: { topic: string; reason: RecoveryReason };
  recovered: { topic: string; complete: boolean; reason?: RecoveryReason; count: number };
  ping: { positions: Positions };
  error: { requestId?: string; code: ErrorCode; message: string; temporary: boolean; details?: unknown };
}

/** Why the log no longer held all that was asked for. */
export type RecoveryReason = 'retention' | 'epoch' | 'future' | 'limit';

/** A sealed result, sent on the session's channel. */
export interface ResultFrame {
  readonly at: At;
  readonly requestId: string;
  readonly sealed: Sealed;
}

/** How far a request is that has not ended: an attempt failed, and another one comes. */
export interface ProgressFrame {
  readonly at: At;
  readonly requestId: string;
  /** The attempt that has failed, from 1. */
  readonly attempt: number;
  /** How many there are at most. */
  readonly attempts: number;
  /** Milliseconds from when it was written until the next one may begin. */
  readonly next: number;
}

/** An event, sent on a topic's broadcast channel. */
export interface BroadcastFrame {
  readonly at: At;
  readonly id: string;
  /** Entity and event type, such as `Bid.Created`. */
  readonly type: string;
  /** When the record was written, ISO 8601 in UTC. */
  readonly time: string;
  readonly requestId?: string;
  readonly key?: string;
  /** Absent where only metadata is broadcast. */
  readonly data?: unknown;
}

/** One message on the socket. */
export interface Frame<D = unknown> {
  readonly event: string;
  readonly data: D;
  /** A client's name for its frame; the answer, or the `error` that refuses it, carries it too. */
  readonly id?: string;
}
