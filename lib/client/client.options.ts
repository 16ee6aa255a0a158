import { type ClientClock, LONGEST_TIMER, systemClock } from './client.clock.js';
import { InvalidClientOptionsError, MissingWebSocketError } from './client.errors.js';
import type { ClientCrypto } from './client.crypto.js';
import type { ClientIdentity } from './client.identity.js';
import type { WebSocketConstructor } from './gateway.socket.js';
import type { TraceOption } from './request.trace.js';
import type { TokenOption } from './token.source.js';

/** How a lost connection is taken up again: after a random time below a ceiling that doubles with each attempt. */
export class ReconnectOptions {
  /**
   * The first ceiling, in milliseconds.
   * @default 500
   */
  minimum = 500;
  /**
   * The highest ceiling, in milliseconds.
   * @default 20_000
   */
  maximum = 20_000;
}

/** How a client behaves. All of it may be left out. */
export class ClientOptions {
  /**
   * What makes WebSockets. Left out: the runtime's own. Node has one from version 22 on; before, give the one of `ws`.
   */
  WebSocket?: WebSocketConstructor;
  /**
   * WebCrypto, where the runtime has none of its own: React Native with the parts of a polyfill, pages that are not on
   * https:// with none at all. Left out: the runtime's own.
   */
  crypto?: ClientCrypto;
  /**
   * Shows gateways who the user is. A function is asked for every connection, and again before the token ends where its end
   * is known: from the function itself (`{ token, expires }`) or from the gateway's answer to a refresh. When it throws, the
   * client tells `onError` and tries again. Never part of the address.
   */
  token?: TokenOption;
  /** Session and key pair to go on with, made by `createIdentity` and kept by you. Left out: new ones for each client. */
  identity?: ClientIdentity;
  /**
   * Time to live of commands that name none, in milliseconds.
   * @default 30_000
   */
  ttl = 30_000;
  /**
   * How long after its time to live an outcome may still take to arrive, in milliseconds; then `send` rejects with the
   * status `unknown`. The time-out itself is an outcome like any other and comes from the log.
   * @default 10_000
   */
  slack = 10_000;
  /**
   * Which trace a command belongs to that names none by `traceparent`. A function returns the W3C traceparent of what is active, such as
   * a click that an application's OpenTelemetry has a span for; it is asked at each `send`, and what it returns is left out where it is
   * none. `true`: each command gets a new trace, made up here.
   * @default false
   */
  trace: TraceOption = false;
  /**
   * Commands that may wait to be sent, while there is no connection or faster ones than the gateway takes; further ones are
   * rejected with the status `unavailable`, code `queue_full`. Zero: none waits.
   * @default 100
   */
  offlineQueue = 100;
  /**
   * How long an attempt to connect may take up to the gateway's welcome, in milliseconds; also how long a `refresh()` may take.
   * @default 10_000
   */
  connectTimeout = 10_000;
  /**
   * How long nothing of what was missed may come in, and no ping say that the gateway got further in it, while it owes that, in
   * milliseconds; then the client goes to another one. A gateway that catches up thousands of clients at once lets them wait for their turn.
   * @default 60_000
   */
  recoveryTimeout = 60_000;
  /**
   * How long the client waits before it takes up a lost connection again.
   * @default new ReconnectOptions()
   */
  reconnect = new ReconnectOptions();
  /**
   * Where time comes from; for tests.
   * @internal
   */
  clock: ClientClock = systemClock();
  /**
   * Random numbers from 0 up to 1, for the pauses between attempts; for tests.
   * @internal
   */
  random: () => number = Math.random;
}

/** Options as an application gives them. */
export type ClientOptionsInput = Partial<Omit<ClientOptions, 'reconnect'>> & {
  readonly reconnect?: Partial<ReconnectOptions>;
};

/** Options with nothing left open. */
export type ResolvedClientOptions = ClientOptions & Required<Pick<ClientOptions, 'WebSocket'>>;

// Not among the class's own fields until they are given.
const OPTIONAL = ['WebSocket', 'crypto', 'token', 'identity'];

/**
 * Fills up what an application left out.
 * @throws {InvalidClientOptionsError} `client_options_invalid`: all that is wrong, at once
 * @throws {MissingWebSocketError} `websocket_missing`
 */
export function resolveClientOptions(given: ClientOptionsInput): ResolvedClientOptions {
  const problems: string[] = [];
  const { reconnect, ...rest } = given;
  const options = fill(new ClientOptions(), rest, 'options', problems);
  options.reconnect = fill(new ReconnectOptions(), reconnect ?? {}, 'options.reconnect', problems);
  checkNumbers(options, problems);
  if (!['boolean', 'function'].includes(typeof options.trace))
    problems.push(`options.trace is neither true, false nor a function`);
  if (problems.length > 0)
    throw new InvalidClientOptionsError(`The client cannot work with these options: ${problems.join('; ')}.`);
  const WebSocket = options.WebSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  if (WebSocket) return Object.assign(options, { WebSocket });
  throw new MissingWebSocketError(
    'This runtime has no global WebSocket (Node has one from version 22 on). Give one: ' +
      "new KafkaSocketClient(url, { WebSocket }) with `import { WebSocket } from 'ws'`.",
  );
}

function fill<T extends object>(defaults: T, given: object, path: string, problems: string[]): T {
  for (const [name, value] of Object.entries(given)) {
    if (!(name in defaults) && !OPTIONAL.includes(name)) problems.push(`${path}.${name} is no option`);
    else if (value !== undefined) Object.assign(defaults, { [name]: value as unknown }); // undefined means left out
  }
  return defaults;
}

function checkNumbers(
  { ttl, slack, offlineQueue, connectTimeout, recoveryTimeout, reconnect }: ClientOptions,
  problems: string[],
): void {
  const numbers: [name: string, value: number, minimum: number][] = [
    ['ttl', ttl, 1],
    ['slack', slack, 0],
    ['offlineQueue', offlineQueue, 0],
    ['connectTimeout', connectTimeout, 1],
    ['recoveryTimeout', recoveryTimeout, 1],
    ['reconnect.minimum', reconnect.minimum, 0],
    ['reconnect.maximum', reconnect.maximum, 0],
  ];
  for (const [name, value, minimum] of numbers) {
    if (typeof value !== 'number' || !(value >= minimum && value <= LONGEST_TIMER)) {
      problems.push(`options.${name} (${String(value)}) is not a number from ${minimum} to ${LONGEST_TIMER}`);
    }
  }
  if (reconnect.minimum > reconnect.maximum) {
    problems.push(
      `options.reconnect.minimum (${reconnect.minimum}) is above options.reconnect.maximum (${reconnect.maximum})`,
    );
  }
}
