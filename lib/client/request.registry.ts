import type { KafkaSocketError } from '../kafka-socket.error.js';
import type { At, GatewayFrames } from '../protocol/frames.js';
import type { Outcome } from '../protocol/outcome.js';
import type { ClientClock } from './client.clock.js';
import { callListener } from './listener.set.js';
import type { PendingRequest } from './pending.request.js';
import type { SendPace } from './send.pace.js';
import { toUtf8 } from './utf8.codec.js';

/** Room left in a frame for the `age` that it has when it is sent again. */
const AGE_BYTES = 32;
/** WebSocket's close code for a message that is too big. */
const MESSAGE_TOO_BIG = 1009;

/** Limits on what waits, from the client's options. */
export interface RequestLimits {
  /** Milliseconds after the time to live that an outcome may still take to arrive. */
  readonly slack: number;
  /** Requests that may wait for a gateway. */
  readonly offlineQueue: number;
}

/** A gateway that takes requests. */
export interface RequestLink {
  readonly transmit: (text: string) => void;
  /** Whether what is transmitted now goes out; where not, it waits for the next gateway. */
  readonly isOpen: () => boolean;
  /** Largest frame, in bytes. */
  readonly payload: number;
  readonly pace: SendPace;
}

/**
 * All requests without an outcome. They go out as soon as a gateway takes them, and again, with their age, at every further
 * gateway until they have one. The first outcome settles a request; what comes later finds nothing here.
 */
export class RequestRegistry {
  readonly #pending = new Map<string, PendingRequest>();
  readonly #releases = new Map<PendingRequest, () => void>();
  /** What has to go out, oldest first. */
  #waiting = new Set<PendingRequest>();
  /** How many requests never went out; all of them wait. */
  #unsent = 0;
  #link: RequestLink | undefined;
  #caughtUp = false;
  readonly #clock: ClientClock;
  readonly #limits: RequestLimits;
  readonly #onThrown: (thrown: unknown) => void;

  constructor(clock: ClientClock, limits: RequestLimits, onThrown: (thrown: unknown) => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#onThrown = onThrown;
  }

  /** Takes a request on. */
  add(request: PendingRequest, signal: AbortSignal | undefined): void {
    if (signal?.aborted) return request.abandon(signal.reason);
    // What has not gone out when its time to live is over never will; of what has, the outcome gets some slack to arrive.
    let stopTimer = this.#clock.after(request.head.ttl, () => {
      if (request.sends === 0) return this.#neverSent(request);
      stopTimer = this.#clock.after(this.#limits.slack, () => this.#lastResort(request));
    });
    const abort = (): void => this.#take(request.id)?.abandon(signal?.reason);
    signal?.addEventListener('abort', abort);
    this.#releases.set(request, () => {
      stopTimer();
      signal?.removeEventListener('abort', abort);
    });
    this.#pending.set(request.id, request);
    this.#waiting.add(request);
    this.#unsent++;
    this.#flush();
    this.#bound(request);
  }

  /** A gateway takes new requests. */
  connected(link: RequestLink): void {
    this.#link = link;
    this.#caughtUp = false;
    this.#flush();
  }

  /** All that was missed has come: what went out before, and is still without an outcome, goes out again. */
  caughtUp(): void {
    this.#caughtUp = true;
    this.#flush();
  }

  /** The gateway is gone; all that is without an outcome goes to the next one. */
  disconnected(closeCode: number): void {
    this.#link = undefined;
    if (closeCode === MESSAGE_TOO_BIG) this.#failLargest();
    for (const request of this.#pending.values()) request.bytes = 0;
    this.#waiting = new Set(this.#pending.values());
  }

  /** Kafka has the command. */
  accepted(requestId: string, at: At): void {
    const request = this.#pending.get(requestId);
    if (!request || request.accepted) return;
    request.accepted = true;
    callListener(() => request.listeners.onAccepted?.({ requestId, at }), this.#onThrown);
  }

  /** An attempt failed, and another one comes. */
  progressed({ requestId, attempt, attempts, next }: GatewayFrames['progress']): void {
    const { onProgress } = this.#pending.get(requestId)?.listeners ?? {};
    callListener(() => onProgress?.({ requestId, attempt, attempts, next }), this.#onThrown);
  }

  /** The log has decided. False where nobody waits for it, or not any more. */
  settle(requestId: string, outcome: Outcome): boolean {
    const request = this.#take(requestId);
    request?.settle(outcome);
    return request !== undefined;
  }

  /** An outcome is there, but what it is cannot be found out. */
  unreadable(requestId: string, cause: KafkaSocketError): void {
    this.#take(requestId)?.fail({ status: 'unknown', code: cause.code, message: cause.message, cause });
  }

  /** The gateway says that something is wrong. False where it concerns no request that is waited for. */
  error({ requestId, code, message, temporary }: GatewayFrames['error']): boolean {
    const request = requestId === undefined ? undefined : this.#pending.get(requestId);
    if (!request) return false;
    // Another gateway may have passed it on, and this one does not know: then it only knows of its own refusal.
    const known = request.accepted || request.sends > 1;
    if (code === 'rate') this.#sendAgain(request);
    else if (code === 'pending' || (known && (code === 'unavailable' || code === 'internal'))) return true;
    else
      this.#take(request.id)?.fail({
        status: known || code === 'internal' ? 'unknown' : code,
        code,
        message,
        temporary,
      });
    return true;
  }

  /**
   * Ends all requests that are here now: no outcome can come any more.
   * @param arrived resolves once all that has come in has had its say
   */
  async end(code: string, message: string, arrived: Promise<void>): Promise<void> {
    const requests = [...this.#pending.values()];
    await arrived;
    for (const request of requests) this.#fail(request, code, message);
  }

  /** Sends what waits, in order, as fast as the gateway takes it. */
  readonly #flush = (): void => {
    for (const request of this.#waiting) {
      if (!this.#link?.isOpen()) return;
      // Its outcome may be among what was missed. What was asked for behind it waits as well: it may be meant to come after it.
      if (request.sends > 0 && !this.#caughtUp) return;
      if (!this.#link.pace.take(this.#flush)) return;
      this.#waiting.delete(request);
      this.#transmit(request, this.#link);
    }
  };

  #transmit(request: PendingRequest, { transmit, payload }: RequestLink): void {
    const now = this.#clock.now();
    if (request.sends === 0 && now - request.since >= request.head.ttl) {
      return this.#neverSent(request);
    }
    const frame = request.frame(now);
    const bytes = toUtf8(frame).length;
    if (request.sends === 0 && bytes + AGE_BYTES > payload) {
      const message = `Its frame takes ${bytes} bytes, and this gateway takes ${payload - AGE_BYTES}. Send less, or raise gateway.limits.payload.`;
      return this.#take(request.id)?.fail({ status: 'too_large', message });
    }
    if (request.sends++ === 0) this.#unsent--;
    request.bytes = bytes;
    transmit(frame);
  }

  /** The gateway did not look at it, so it goes out once more. */
  #sendAgain(request: PendingRequest): void {
    if (this.#waiting.has(request)) return; // said twice
    if (--request.sends === 0) this.#unsent++;
    request.bytes = 0;
    // In the order in which they were asked for.
    this.#waiting = new Set([...this.#pending.values()].filter((one) => one === request || this.#waiting.has(one)));
    this.#link?.pace.exhaust();
    this.#flush();
  }

  #bound(request: PendingRequest): void {
    const { offlineQueue } = this.#limits;
    if (this.#unsent <= offlineQueue || !this.#waiting.has(request)) return;
    const message = this.#link
      ? `More requests than the gateway takes wait to be sent (offlineQueue: ${offlineQueue}).`
      : `There is no connection, and ${offlineQueue} requests wait for one already (offlineQueue).`;
    this.#fail(request, 'queue_full', message);
  }

  /** The socket was closed for a message that is too big: the largest that is not known to have come through. */
  #failLargest(): void {
    const suspects = [...this.#pending.values()].filter(({ bytes, accepted }) => bytes > 0 && !accepted);
    const largest = suspects.sort((one, other) => other.bytes - one.bytes)[0];
    if (!largest) return;
    const status = largest.sends > 1 ? 'unknown' : 'too_large';
    const message = `The connection was closed with 1009, message too big; its frame takes ${largest.bytes} bytes.`;
    this.#take(largest.id)?.fail({ status, code: 'too_large', message });
  }

  #neverSent(request: PendingRequest): void {
    this.#fail(request, 'never_sent', 'It could not be sent within its time to live.');
  }

  /** Nothing was heard of it. That is no time-out: those stand in the log. */
  #lastResort(request: PendingRequest): void {
    const message = `No outcome has come ${this.#limits.slack} ms after its time to live. It may have been carried out.`;
    this.#fail(request, 'no_outcome', message);
  }

  /** Ends a request without an outcome, with what is certain about it. */
  #fail(request: PendingRequest, code: string, message: string): void {
    this.#take(request.id)?.fail({ status: request.sends === 0 ? 'unavailable' : 'unknown', code, message });
  }

  #take(requestId: string): PendingRequest | undefined {
    const request = this.#pending.get(requestId);
    if (!request) return undefined;
    this.#pending.delete(requestId);
    this.#waiting.delete(request);
    if (request.sends === 0) this.#unsent--;
    this.#releases.get(request)?.();
    this.#releases.delete(request);
    return request;
  }
}
