import type { ClientFrames, At } from '../protocol/frames.js';
import type { Outcome } from '../protocol/outcome.js';
import { messageOf } from '../kafka-socket.error.js';
import { LONGEST_TIMER } from './client.clock.js';
import type { Listener } from './listener.set.js';
import {
  CommandFailedError,
  type Failure,
  InvalidClientOptionsError,
  UnserializableRequestError,
  WaitAbortedError,
} from './client.errors.js';

/** The gateway's word that Kafka has the command. */
export interface Accepted {
  readonly requestId: string;
  /** Where the command stands in the log. */
  readonly at: At;
}

/** How one command is sent. */
export interface SendOptions {
  /**
   * Time to live, in milliseconds, from this call on; past it the command is not carried out any more and ends as `timeout`.
   * The gateway has a maximum (5 minutes by default) and cuts longer ones.
   * @default the client's `ttl`
   */
  readonly ttl?: number;
  /** Commands of one key are carried out in order. Left out: the session. */
  readonly key?: string;
  /** Stops waiting: `send` rejects with its reason. The command itself goes on if it was sent; `onLate` gets its outcome. */
  readonly signal?: AbortSignal;
  /**
   * W3C trace context, handed on to the services.
   * @default what the client's `trace` says
   */
  readonly traceparent?: string;
  /** W3C baggage, at most 1,024 characters; the gateway drops all entries but those that it was told to take. */
  readonly baggage?: string;
  /** Called once, when Kafka has the command. */
  readonly onAccepted?: Listener<[accepted: Accepted]>;
  /**
   * Called when an attempt of the service failed and another one will come, where the command's handler has `@Retry`. News of the
   * moment: what happens while there is no connection is not told later.
   */
  readonly onProgress?: Listener<[progress: RequestProgress]>;
}

/** How far a request is that has not ended. */
export interface RequestProgress {
  readonly requestId: string;
  /** The attempt that has failed, from 1. */
  readonly attempt: number;
  /** How many there are at most. */
  readonly attempts: number;
  /** Milliseconds until the next one begins, at the soonest, when the service said so. */
  readonly next: number;
}

/** Who is told what becomes of a request, beside its outcome. */
export type RequestListeners = Pick<SendOptions, 'onAccepted' | 'onProgress'>;

/** What a request says of itself, without its payload. */
export type RequestHead = Omit<ClientFrames['request'], 'payload' | 'age' | 'sessionId'> & { readonly ttl: number };

/** One command on its way to its outcome. */
export class PendingRequest {
  /** How often it went out, to one gateway after the other. Not once: certainly nobody knows of it. */
  sends = 0;
  /** Whether Kafka has it for certain. */
  accepted = false;
  /** Length of its frame on the present socket, in bytes; zero: it did not go out there. */
  bytes = 0;
  readonly promise: Promise<unknown>;
  #firstSent = 0;
  #resolve!: (value: unknown) => void;
  #reject!: (reason: unknown) => void;

  /**
   * @param payload its JSON, written once: sent again it must be the same to the letter, or the gateway takes it for another
   * @param since when it was asked for, by the client's clock
   */
  constructor(
    readonly head: RequestHead,
    readonly payload: string,
    readonly since: number,
    readonly listeners: RequestListeners = {},
  ) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get id(): string {
    return this.head.requestId;
  }

  /**
   * Its frame at a time of the client's clock. The payload goes in as it was written. What it waited before it went out for the
   * first time is taken off its time to live, and is no age: an age says that a gateway may have it already.
   */
  frame(now: number): string {
    if (this.sends === 0) this.#firstSent = now;
    const ttl = Math.max(1, Math.round(this.head.ttl - (this.#firstSent - this.since)));
    const age = Math.round(now - this.#firstSent);
    const head = JSON.stringify({ ...this.head, ttl, ...(age > 0 && { age }) });
    return `{"event":"request","data":${head.slice(0, -1)},"payload":${this.payload}}}`;
  }

  settle(outcome: Outcome): void {
    if (outcome.status === 'success') this.#resolve(outcome.value);
    else this.fail(outcome);
  }

  fail(failure: Failure): void {
    this.abandon(new CommandFailedError(this.head.topic, this.head.command, this.id, failure));
  }

  /** @param reason why nobody waits any more; signals of some runtimes give none */
  abandon(reason: unknown): void {
    this.#reject(reason ?? new WaitAbortedError(`The wait for "${this.head.command}" was aborted.`));
  }
}

/**
 * A payload as its request carries it.
 * @throws {UnserializableRequestError} `request_unserializable`
 */
export function serializePayload(command: string, payload: unknown): string {
  try {
    return JSON.stringify(payload) ?? 'null';
  } catch (cause) {
    throw new UnserializableRequestError(
      `The payload of command "${command}" cannot be written as JSON (${messageOf(cause)}). Send plain data: no cycles, no BigInt.`,
      { cause },
    );
  }
}

/** @throws {InvalidClientOptionsError} `client_options_invalid` */
export function checkTtl(ttl: number): void {
  if (ttl >= 1 && ttl <= LONGEST_TIMER) return;
  throw new InvalidClientOptionsError(`ttl (${ttl}) is not a number of milliseconds from 1 to ${LONGEST_TIMER}.`);
}
