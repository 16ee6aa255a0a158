import type { At, Positions, RecoveryReason } from '../../../lib/protocol/frames.js';

interface Moment {
  /** Milliseconds since the run began, by one clock that is not set. */
  readonly t: number;
}

/** From now on nothing is broken, or something may be. */
export interface Phase extends Moment {
  readonly what: 'phase';
  readonly calm: boolean;
}

/** What lines of the history that are about one client say beside what happened. */
interface Line extends Moment {
  /** Number of the client. */
  readonly client: number;
}

/** A client is made. */
export interface Joined extends Line {
  readonly what: 'joined';
  /** The type of events that it hears, or `*`. */
  readonly hears?: string;
}

/** A client wants a command to be carried out. */
export interface Asked extends Line {
  readonly what: 'asked';
  /** Names the command: no other one of the run has it, and it rises with each command of a key. */
  readonly n: number;
  readonly command: string;
  readonly key: string;
  readonly ttl: number;
}

/** A request went out on a socket; more than once where it was sent again. */
export interface Sent extends Line {
  readonly what: 'sent';
  readonly n: number;
  readonly id: string;
  readonly socket: number;
  readonly age: number;
}

/** A gateway says where the command stands. */
export interface AcceptedEntry extends Line {
  readonly what: 'accepted';
  readonly id: string;
  readonly at: At;
}

/** What `send` resolved or rejected with. */
export interface Told extends Line {
  readonly what: 'told';
  readonly n: number;
  readonly status: string;
  readonly code?: string;
  /** Names the run of the handler that gave the answer. */
  readonly run?: string;
}

/** An outcome came when nobody waited for it any more. */
export interface Late extends Line {
  readonly what: 'late';
  readonly id: string;
  readonly at: At;
  readonly status: string;
  readonly run?: string;
}

/** A result came in on a socket, for whomever. */
export interface ResultEntry extends Line {
  readonly what: 'result';
  readonly socket: number;
  readonly id: string;
  readonly at: At;
}

/** An event was told. */
export interface Delivered extends Line {
  readonly what: 'event';
  readonly at: At;
  readonly id: string;
  readonly type: string;
}

/** A client begins on a socket where it says that it stands; a gateway says where live delivery begins. */
export interface Begun extends Line {
  readonly what: 'hello' | 'welcome';
  readonly socket: number;
  readonly positions: Positions;
}

/** A client is told that it has all that it missed, or that it has not. */
export interface RecoveredEntry extends Line {
  readonly what: 'recovered';
  readonly complete: boolean;
  readonly reason?: RecoveryReason;
}

/** A socket is gone. */
export interface Closed extends Line {
  readonly what: 'closed';
  readonly socket: number;
}

/** What went wrong beside commands, or on the wire. */
export interface Wrong extends Line {
  readonly what: 'wrong';
  readonly code: string;
  readonly message: string;
}

/** One line of the history. */
export type Entry =
  | Phase
  | Joined
  | Asked
  | Sent
  | AcceptedEntry
  | Told
  | Late
  | ResultEntry
  | Delivered
  | Begun
  | RecoveredEntry
  | Closed
  | Wrong;

/** A line before it has its time. */
export type Happening = Entry extends infer E ? (E extends Entry ? Omit<E, 't'> : never) : never;
