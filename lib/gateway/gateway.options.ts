import type { CanActivate, Type } from '@nestjs/common';
import type { Claims } from '../message/claims.js';

/** How much of an event type leaves the house: all of it, or that it happened, so that clients fetch the rest. */
export type BroadcastContent = 'data' | 'metadata';

/** How a gateway notices that a client is gone. */
export class HeartbeatOptions {
  /**
   * Pause between two pings, in milliseconds.
   * @default 25_000
   */
  interval = 25_000;
  /**
   * How long a client may take to answer a ping, in milliseconds; then it is closed with 4012 and may reconnect. Must be below `interval`.
   * @default 8_000
   */
  timeout = 8_000;
}

/** How long requests may take. */
export class TtlOptions {
  /**
   * Time to live of a request that names none, in milliseconds.
   * @default 30_000
   */
  default = 30_000;
  /**
   * The longest time to live that a client may ask for, in milliseconds; longer ones are cut to it.
   * @default 300_000
   */
  maximum = 300_000;
  /**
   * How long after the deadline the gateway waits for the outcome before it writes the time-out itself, in milliseconds.
   * @default 1_000
   */
  grace = 1_000;
}

/** What a gateway takes of a client's word about traces. */
export class TraceOptions {
  /**
   * Whether a client's trace is gone on with, so that one trace shows all from the click on. `false`: every request begins a trace of its
   * own, linked to the client's. A client chooses the id of its trace and whether it is recorded, so where strangers connect they
   * could have all that they do recorded or none of it, or write into traces whose ids they know: set it to `false` there.
   * @see https://www.w3.org/TR/trace-context/#denial-of-service
   * @default true
   */
  follow = true;
  /**
   * Names of the entries of a client's baggage that are taken; all others are dropped. What is taken travels in a header of every message
   * that follows, and services may act upon it or pass it on to others: name only what a stranger may choose.
   * @default []
   */
  baggage: readonly string[] = [];
}

/** What a gateway takes from one client and holds for all. */
export class GatewayLimits {
  /**
   * Largest frame that a client may send, in bytes; a larger one closes the socket with 1009.
   * @default 65_536
   */
  payload = 65_536;
  /**
   * Frames a second that a client may send, with bursts of twice as many; above it requests get the error `rate`.
   * @default 50
   */
  rate = 50;
  /**
   * Bytes that may wait for a slow client; above it the socket is closed with 4008, and recovery repairs what it missed.
   * @default 1_048_576
   */
  queue = 1_048_576;
  /**
   * Channels that one client may subscribe to.
   * @default 128
   */
  channels = 128;
  /**
   * Connections that one gateway process holds; further ones are closed with 4504.
   * @default 50_000
   */
  connections = 50_000;
  /**
   * Connections from one address, by {@link GatewayOptions.proxies}; further ones are closed with 4504. Of IPv6 the first 64 bits
   * count, since a subscriber has all that begin with them. The default is a tenth of `connections`: no single machine takes a
   * gateway for itself, and the thousands who share the address of a mobile network, or of a proxy that nobody declared, get in.
   * @default 5_000
   */
  connectionsPerAddress = 5_000;
  /**
   * Connections of one user, by the claim `sub`; further ones are closed with 4504. Many browser tabs on several devices.
   * @default 100
   */
  connectionsPerUser = 100;
  /**
   * Requests that may wait for their outcome in one gateway process; further ones get the error `unavailable`.
   * @default 100_000
   */
  requests = 100_000;
  /**
   * Requests of one session that may wait for their outcome; further ones get the error `unavailable`. The default is a hundredth of
   * `requests`, and 20 seconds at the full `rate`.
   * @default 1_000
   */
  requestsPerSession = 1_000;
  /**
   * Bytes of routed records that are kept in memory for clients that were away a short while; up to 4 MiB more while somebody
   * catches up, so that what is routed meanwhile does not run away.
   * @default 67_108_864
   */
  ring = 64 * 1024 * 1024;
  /**
   * Requests of the last `ttl.maximum + ttl.grace` whose command or outcome a gateway remembers; the oldest are forgotten first.
   * @default 2_000_000
   */
  ledger = 2_000_000;
  /**
   * Records that a client which was away long is told of, counted back from the end of each partition; older events are left
   * out and `recovered` says `limit`. Results are never left out.
   * @default 100_000
   */
  replay = 100_000;
  /**
   * Stretches of the log that are read at the same time for clients that catch up, of one partition one at a time. All who need
   * a stretch share its reading. As many single records at a time, for requests that are sent again.
   * @default 16
   */
  recoveries = 16;
  /**
   * Bytes of records read from the log that are kept in memory for the next who catches up; what is unused for longest goes first.
   * @default 16_777_216
   */
  recoveryCache = 16 * 1024 * 1024;
  /**
   * Client keys whose sealing set-up is kept; the one unused for longest goes first.
   * @default 10_000
   */
  sealers = 10_000;
}

/** Makes an application a gateway: it serves browsers. */
export class GatewayOptions {
  /**
   * Path of the WebSocket.
   * @default '/socket'
   */
  path = '/socket';
  /** Topics whose commands clients may send, and whose results and events they get. At least one. */
  topics: readonly string[] = [];
  /**
   * Which event types leave the house, and how much of them: `{ 'Bid.*': 'data', 'Reserve.Changed': 'metadata' }`. An exact
   * name goes before `Entity.*`, which goes before `*`. Types that nothing names stay inside.
   * @default {}
   */
  broadcast: Readonly<Record<string, BroadcastContent>> = {};
  /**
   * Part of the epoch that clients compare. Raise it when a topic was deleted and made again: offsets mean something else then.
   * @default '1'
   */
  epoch = '1';
  /**
   * Origins that browsers may connect from, such as `https://shop.example`; requests without an `Origin` header are no
   * browsers and pass. Left out: the page's own host only.
   */
  origins?: readonly string[];
  /**
   * Proxies in front of this gateway, each of which appends the address that it sees to `X-Forwarded-For`: so many entries from the
   * right stands the client's address. 0: the client connects by itself, and what it writes into that header is not believed.
   * @default 0
   */
  proxies = 0;
  /**
   * How long a new connection may take to say hello, and to be welcome, in milliseconds; then it is closed with 4502, or with 4010
   * where it waits for us.
   * @default 10_000
   */
  helloTimeout = 10_000;
  /**
   * How long `admit`, `authenticate`, `authorize` and a guard may take to answer, in milliseconds. Then the upgrade is answered with
   * 503, the socket is closed with 4010, or what was asked for is forbidden.
   * @default 5_000
   */
  hookTimeout = 5_000;
  /**
   * How long a shutdown may take to finish what is in flight, in milliseconds; it says goodbye after that.
   * @default 5_000
   */
  drainTimeout = 5_000;
  /**
   * Over how long a shutdown spreads its goodbyes at most, in milliseconds, so that clients do not all come to the other gateways
   * at once. A client is served until its own goodbye. At least one is closed each millisecond, so few clients take less.
   * @default 2_000
   */
  goodbyeWindow = 2_000;
  /**
   * How long frames wait for others to the same client, in milliseconds, so that all of them become one write: a socket takes some
   * 120,000 writes a second, whatever is in them. 0: until the end of the event loop's turn, in which all frames of a batch come.
   * Must be below `heartbeat.timeout`.
   * @default 0
   */
  flushWindow = 0;
  /**
   * How long a client that is being closed may take to read what lies before the goodbye and to answer it, in milliseconds; then
   * its socket is cut. The bound for what one that reads nothing holds: some 64 KiB where it was too slow, else `limits.queue`.
   * @default 60_000
   */
  closeTimeout = 60_000;
  /**
   * How a client that is gone is noticed.
   * @default new HeartbeatOptions()
   */
  heartbeat = new HeartbeatOptions();
  /**
   * How long requests may take. A process that is a service only does not see it: where `maximum` or `grace` is raised here,
   * raise `handlers.window` to their sum there.
   * @default new TtlOptions()
   */
  ttl = new TtlOptions();
  /**
   * What is taken from one client, and held for all of them. Nothing in a gateway grows beyond these.
   * @default new GatewayLimits()
   */
  limits = new GatewayLimits();
  /**
   * What is taken of a client's word about traces.
   * @default new TraceOptions()
   */
  trace = new TraceOptions();
  /** Who gets a WebSocket at all, by cookie or header, before there is one. Left out: every page of an allowed origin. */
  admit?: Admit;
  /** Who connects, by the token of the hello. Left out: whom `admit` said, else everyone, with a warning in production. */
  authenticate?: Authenticate;
  /** Who may do what. Left out: everyone everything, with a warning in production. */
  authorize?: Authorize;
  /**
   * Nest guards that answer the same question, and must agree as well: classes, which are looked up among the application's providers
   * or else made, or instances. The execution context is of type `ws`: `switchToWs().getClient()` is a {@link GatewayClient},
   * `getData()` an {@link Intent}, `getPattern()` its action. What a guard throws means no. About an event it must answer at once,
   * as {@link Authorize}.
   * @default []
   */
  guards: readonly (Type<CanActivate> | CanActivate)[] = [];
}

/** A client that passed {@link Admit} or {@link Authenticate}. */
export interface Authenticated {
  readonly claims: Claims;
  /** When that ends; the socket is closed with 4005 then, unless it was refreshed. */
  readonly expires?: Date;
}

/**
 * Tells who may open a WebSocket, from what its upgrade carries: a session cookie, an `Authorization` header. What it throws answers
 * the upgrade with 401, an error with `temporary: true` with 503. What it returns is who the client is, where there is no
 * {@link Authenticate}; where there is, that finds it as `handshake.admitted` and has the last word. `undefined`: let in, nobody known.
 *
 * A page cannot send headers of its own, but its browser sends cookies, from wherever the page is: see `gateway.origins`.
 */
export type Admit = (handshake: Handshake) => Authenticated | undefined | Promise<Authenticated | undefined>;

/**
 * Tells who a client is. What it throws closes the socket with 4500, and the client gives up; an error with `temporary: true`
 * closes it with 4010, and the client tries again.
 */
export type Authenticate = (token: string | undefined, handshake: Handshake) => Authenticated | Promise<Authenticated>;

/** What is known of a connection before its hello. The address that it asked for is not: tokens do not belong there. */
export interface Handshake {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Who is at the other end of the connection: the client, or the last proxy before us. */
  readonly remoteAddress: string | undefined;
  /** The client's address, as {@link GatewayOptions.proxies} says. */
  readonly address: string | undefined;
  /** What {@link Admit} returned. */
  readonly admitted?: Authenticated;
}

/** Whom a guard is asked about. */
export interface GatewayClient {
  /** As of now: a refresh may change them. */
  readonly claims: Claims | undefined;
  readonly handshake: Handshake;
}

/** What a client wants to do. */
export type Intent =
  | { readonly action: 'command'; readonly topic: string; readonly command: string; readonly key: string }
  | { readonly action: 'channel'; readonly topic: string }
  | { readonly action: 'event'; readonly topic: string; readonly type: string; readonly key?: string };

/**
 * Tells whether a client may do something. `event` is asked for each event and client and must answer at once: a promise
 * means no there. Whatever it throws means no.
 */
export type Authorize = (intent: Intent, claims: Claims | undefined) => boolean | Promise<boolean>;
