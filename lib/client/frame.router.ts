import { messageOf } from '../kafka-socket.error.js';
import { CloseCode } from '../protocol/close-codes.js';
import { broadcastChannel, resultChannel, sealedFor } from '../protocol/channels.js';
import type { At, BroadcastFrame, Frame, GatewayFrames, Positions, ResultFrame, Sealed } from '../protocol/frames.js';
import type { Outcome } from '../protocol/outcome.js';
import { BoundedMap } from './bounded.map.js';
import { GatewayError, MalformedFrameError, UnreadableResultError } from './client.errors.js';
import type { ClientClock } from './client.clock.js';
import type { Connection } from './connection.js';
import type { EventSubscriptions } from './event.subscriptions.js';
import type { GatewaySocket } from './gateway.socket.js';
import type { PartitionOrder } from './partition.order.js';
import type { PositionTracker } from './position.tracker.js';
import type { RequestRegistry } from './request.registry.js';
import type { ResultOpener } from './result.opener.js';
import { SendPace } from './send.pace.js';
import type { TokenSource } from './token.source.js';

/** An outcome that came when nobody waited for it any more. */
export interface LateOutcome {
  readonly requestId: string;
  /** Where it stands in the log. */
  readonly at: At;
  readonly outcome: Outcome;
}

/** Whether all that was missed in a topic could be had. */
export type Recovered = GatewayFrames['recovered'];

/** Who is told what. */
export interface RouterEvents {
  late(late: LateOutcome): void;
  recovered(recovered: Recovered): void;
  error(error: Error): void;
}

/** The parts of the client that frames are for. */
export interface RouterParts {
  readonly sessionId: string;
  readonly clock: ClientClock;
  readonly connection: Connection;
  readonly positions: PositionTracker;
  readonly order: PartitionOrder;
  readonly requests: RequestRegistry;
  readonly subscriptions: EventSubscriptions;
  readonly token: TokenSource;
}

/** Requests settled by the `outcome` of an `accepted`, whose own record may still be on its way: remembered so that it is not late. */
const REMEMBERED = 256;

const STATUSES: readonly unknown[] = ['success', 'invalid', 'rejected', 'failed', 'timeout'];

type Handlers = { readonly [E in keyof GatewayFrames]: (data: GatewayFrames[E], id?: string) => void };

/** Reads what a gateway sends and hands it to the part that it is for. */
export class FrameRouter {
  readonly #parts: RouterParts;
  readonly #events: RouterEvents;
  readonly #settledEarly = new BoundedMap<string, string>(REMEMBERED);
  readonly #handlers: Handlers = {
    welcome: (data) => this.#welcome(data),
    accepted: (data) => this.#accepted(data),
    subscribed: (data, id) => this.#subscribed(data, id),
    unsubscribed: (data, id) => this.#subscribed(data, id),
    refreshed: (data, id) => this.#parts.token.refreshed(data, id),
    progress: (data) => this.#parts.requests.progressed(data),
    incomplete: ({ topic, reason }) => this.#parts.positions.incomplete(topic, reason),
    recovered: (data) => this.#recovered(data),
    ping: (data) => this.#ping(data),
    error: (data, id) => this.#error(data, id),
  };
  #opener: ResultOpener | undefined;
  /** How fast frames may go out at the gateway that has said welcome. */
  #pace: SendPace | undefined;
  /** Whether a gateway has closed the connection because we sent too much, and none has said welcome since. */
  #hasty = false;
  /** Topics of the last hello's positions. */
  #asked: readonly string[] = [];

  constructor(parts: RouterParts, events: RouterEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  /**
   * A hello goes out.
   * @param positions what it asks for
   * @param opener what opens the results that come for it
   */
  greeted(positions: Positions, opener: ResultOpener): void {
    this.#asked = Object.keys(positions);
    this.#opener = opener;
  }

  /** The gateway is gone. */
  disconnected(closeCode: number): void {
    this.#pace?.stop();
    this.#pace = undefined;
    this.#hasty ||= closeCode === CloseCode.rate;
  }

  /** Takes one message of the socket. Whatever is wrong with it is reported, and it is left out. */
  receive(message: unknown): void {
    try {
      this.#dispatch(parse(message));
    } catch (cause) {
      const why = messageOf(cause);
      this.#events.error(
        new MalformedFrameError(`A frame of the gateway is not as the protocol says: ${why}.`, { cause }),
      );
    }
  }

  #dispatch({ event, data, id }: Frame): void {
    if (Object.hasOwn(this.#handlers, event)) {
      const handle = this.#handlers[event as keyof GatewayFrames] as (data: unknown, id?: string) => void;
      return handle(data, id);
    }
    if (!event.startsWith('socket/')) return; // of a later version of the protocol
    const { at } = data as BroadcastFrame | ResultFrame;
    if (event === broadcastChannel(at[0])) this.#broadcast(data as BroadcastFrame);
    else if (event === resultChannel(at[0], this.#parts.sessionId)) this.#result(data as ResultFrame);
    else throw new TypeError('its channel is neither its topic’s nor this session’s');
  }

  #welcome({ epoch, positions, heartbeat, limits: { payload, rate } }: GatewayFrames['welcome']): void {
    const { connection, requests, subscriptions } = this.#parts;
    const { socket } = connection;
    if (!socket || this.#pace) throw new TypeError('nobody waits for a welcome');
    this.#parts.positions.begin(epoch, positions, this.#asked);
    connection.welcomed(heartbeat);
    const pace = this.#newPace(rate);
    subscriptions.connected({ pace, send: (event, data, id) => socket.send(event, data, id) });
    requests.connected({ pace, payload, transmit: (text) => socket.sendText(text), isOpen: () => socket.isOpen });
    if (this.#parts.positions.recovering) connection.recovering();
    else this.#caughtUp(socket);
  }

  #newPace(rate: number): SendPace {
    this.#pace = new SendPace(this.#parts.clock, rate);
    if (this.#hasty) this.#pace.exhaust();
    this.#hasty = false;
    return this.#pace;
  }

  #recovered(recovered: Recovered): void {
    const { positions, order, connection } = this.#parts;
    const before = positions.recovering;
    connection.progressed();
    this.#events.recovered(positions.recovered(recovered));
    const socket = connection.socket;
    // Only once results that came with it are open as well: what they settle must not be sent again.
    if (before && !positions.recovering && socket) void order.drained().then(() => this.#caughtUp(socket));
  }

  #caughtUp(socket: GatewaySocket): void {
    const { connection, requests } = this.#parts;
    if (connection.socket !== socket) return; // lost meanwhile
    requests.caughtUp();
    connection.caughtUp();
  }

  #subscribed({ positions }: GatewayFrames['subscribed'], id?: string): void {
    this.#parts.positions.merge(positions);
    this.#parts.subscriptions.answered(id);
  }

  #ping({ positions }: GatewayFrames['ping']): void {
    const { connection } = this.#parts;
    // What the gateway passed by for this client is done with, though no frame came of it.
    if (this.#parts.positions.merge(positions)) connection.progressed();
    connection.socket?.send('pong', {});
  }

  #accepted({ requestId, at, outcome }: GatewayFrames['accepted']): void {
    this.#parts.requests.accepted(requestId, at);
    if (!outcome) return;
    this.#open(outcome.at, requestId, outcome.sealed, (opened) => {
      // Where it is not waited for, its own record was here before.
      if (this.#parts.requests.settle(requestId, opened)) this.#settledEarly.set(requestId, place(outcome.at));
    });
  }

  #result({ at, requestId, sealed }: ResultFrame): void {
    this.#parts.connection.progressed();
    if (!this.#parts.positions.pass(at)) return;
    this.#open(at, requestId, sealed, (outcome) => {
      if (this.#parts.requests.settle(requestId, outcome)) return;
      if (this.#settledEarly.get(requestId) === place(at) || this.#closed) return;
      this.#events.late({ requestId, at, outcome });
    });
  }

  #broadcast(frame: BroadcastFrame): void {
    this.#parts.connection.progressed();
    if (!this.#parts.positions.pass(frame.at)) return;
    this.#parts.order.run(frame.at, () => {
      if (!this.#closed) this.#parts.subscriptions.deliver(frame);
    });
  }

  #error(data: GatewayFrames['error'], id?: string): void {
    const { code, message, temporary, requestId, details } = data;
    const { requests, subscriptions, token } = this.#parts;
    if (requests.error(data) || subscriptions.refused(code, id) || token.refused(data, id)) return;
    this.#events.error(new GatewayError(code, `The gateway says: ${message} (${code})`, temporary, requestId, details));
  }

  /**
   * Opens a result and hands it on in its turn. One that does not open is done with all the same: the log holds no better
   * one, and the next gateway would send the same.
   */
  #open(at: At, requestId: string, sealed: Sealed, then: (outcome: Outcome) => void): void {
    const opening = this.#opened(at, requestId, sealed);
    this.#parts.order.run(at, async () => {
      const opened = await opening;
      if (!(opened instanceof UnreadableResultError)) return then(opened);
      this.#parts.requests.unreadable(requestId, opened);
      if (!this.#closed) this.#events.error(opened);
    });
  }

  async #opened(at: At, requestId: string, sealed: Sealed): Promise<Outcome | UnreadableResultError> {
    try {
      return outcomeIn(await this.#opener!.open(sealed, sealedFor(at[0], this.#parts.sessionId, requestId)));
    } catch (cause) {
      return new UnreadableResultError(
        `The result at ${place(at)} for request ${requestId} cannot be read (${messageOf(cause)}). It was changed on its way, or ` +
          'was sealed for another key.',
        { cause },
      );
    }
  }

  get #closed(): boolean {
    return this.#parts.connection.state === 'closed';
  }
}

function parse(message: unknown): Frame {
  if (typeof message !== 'string') throw new TypeError('it is not text');
  const frame = json(message) as Frame;
  if (typeof frame?.event !== 'string') throw new TypeError('it names no event');
  return frame;
}

function outcomeIn(text: string): Outcome {
  const outcome = json(text) as Outcome;
  if (!STATUSES.includes(outcome?.status)) throw new TypeError('it has no status that is known');
  return outcome;
}

/** Without the parser's own words, which quote what they stumble over. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TypeError('it is not JSON');
  }
}

function place([topic, partition, offset]: At): string {
  return `${topic}/${partition}@${offset}`;
}
