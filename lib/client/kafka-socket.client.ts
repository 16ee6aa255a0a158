import type { Arrived } from '../entity/arrived.js';
import { commandAddressOf } from '../entity/command-address.decorator.js';
import { UnaddressedClassError } from '../entity/entity.errors.js';
import { eventEntityOf } from '../entity/event-entity.decorator.js';
import { type EntityCommandClass, entityKeyOf } from '../entity/generic.command.js';
import { type EntityEventClass, entityEventOf } from '../entity/generic.event.js';
import type { PayloadClass } from '../entity/payload.class.js';
import { messageOf } from '../kafka-socket.error.js';
import type { ClientFrames } from '../protocol/frames.js';
import type {
  CommandName,
  CommandTopic,
  Contract,
  EntityName,
  EventData,
  EventTopic,
  EventTypeName,
  PayloadOf,
  ResultOf,
  UntypedContract,
} from './client.contract.js';
import { ClientClosedError, ListenerFailedError, type TokenRefreshError } from './client.errors.js';
import { type Credentials, CredentialsSource } from './client.credentials.js';
import { type ClientCrypto, requireCrypto } from './client.crypto.js';
import { newSessionId, newRequestId } from './client.identity.js';
import { type ClientOptionsInput, type ResolvedClientOptions, resolveClientOptions } from './client.options.js';
import { Connection, type ConnectionState, type StateDetails } from './connection.js';
import { type EventListener, type EventMeta, EventSubscriptions } from './event.subscriptions.js';
import { FrameRouter, type LateOutcome, type Recovered } from './frame.router.js';
import { type Listener, ListenerSet, type Off } from './listener.set.js';
import { PartitionOrder } from './partition.order.js';
import { checkTtl, PendingRequest, type SendOptions, serializePayload } from './pending.request.js';
import { traceparentNow } from './request.trace.js';
import { PositionTracker } from './position.tracker.js';
import { ReadySignal } from './ready.signal.js';
import { ReconnectBackoff } from './reconnect.backoff.js';
import { RequestRegistry } from './request.registry.js';
import { TokenRenewal } from './token.renewal.js';
import { type ExpiringToken, TokenSource } from './token.source.js';
import { WakeEvents } from './wake.events.js';

/**
 * Takes the data of the events that match, and what is known of them beside it. May be an async function: where it fails,
 * `onError` hears of it.
 */
export type TypedEventListener<D> = Listener<[data: D, meta: EventMeta]>;

/**
 * A session with the gateways: sends commands and gets exactly one outcome for each, hears events, and catches up by itself
 * after a lost connection. It connects at once and stays connected until {@link close}. Runs in browsers, Node and
 * wherever WebSocket and WebCrypto are.
 *
 * ```ts
 * const client = new KafkaSocketClient<Auction>('wss://host/socket');
 * const bid = await client.send('auction', 'PlaceBid', { lot: 7, amount: 120 }, { ttl: 5_000 });
 * const off = client.on('auction', 'Bid', 'Created', (bid, meta) => show(bid, meta.time));
 * ```
 */
export class KafkaSocketClient<C extends Contract = UntypedContract> {
  /** The ClientSessionId: a new one for each client, or the one of the identity that it was given. */
  readonly sessionId: string;
  readonly #options: ResolvedClientOptions;
  readonly #crypto: ClientCrypto;
  readonly #errors = new ListenerSet<[Error]>((thrown) => console.error(thrown));
  readonly #onThrown = (cause: unknown): void => {
    this.#report(new ListenerFailedError(`A listener of the client threw: ${messageOf(cause)}`, { cause }));
  };
  readonly #states = new ListenerSet<[ConnectionState, StateDetails]>(this.#onThrown);
  readonly #recoveries = new ListenerSet<[Recovered]>(this.#onThrown);
  readonly #lates = new ListenerSet<[LateOutcome]>(this.#onThrown);
  readonly #positions = new PositionTracker();
  readonly #order = new PartitionOrder();
  readonly #subscriptions = new EventSubscriptions(this.#onThrown);
  readonly #requests: RequestRegistry;
  readonly #token: TokenSource;
  readonly #renewal: TokenRenewal;
  readonly #connection: Connection;
  readonly #router: FrameRouter;
  readonly #wakeEvents = new WakeEvents(() => this.#connection.wake());
  readonly #credentials: CredentialsSource;
  readonly #ready = new ReadySignal();
  #ended: ClientClosedError | undefined;

  /**
   * Makes a client and begins to connect.
   * @param url the gateway's address, such as `wss://host/socket`
   * @throws {InvalidClientOptionsError} `client_options_invalid`
   * @throws {MissingWebSocketError} `websocket_missing`
   * @throws {MissingWebCryptoError} `webcrypto_missing`
   */
  constructor(url: string, options: ClientOptionsInput = {}) {
    this.#options = resolveClientOptions(options);
    this.#crypto = requireCrypto(this.#options.crypto);
    const { identity, token, clock, random, connectTimeout, reconnect } = this.#options;
    this.sessionId = identity?.sessionId ?? newSessionId(this.#crypto);
    this.#credentials = new CredentialsSource(identity?.keyPair, this.#crypto);
    this.#requests = new RequestRegistry(clock, this.#options, this.#onThrown);
    this.#token = new TokenSource(token, clock, connectTimeout);
    this.#renewal = new TokenRenewal(
      clock,
      random,
      () => this.#refresh(),
      (error) => this.#report(error as TokenRefreshError),
    );
    const backoff = new ReconnectBackoff(reconnect.minimum, reconnect.maximum, clock, random);
    this.#connection = new Connection(url, this.#options, backoff, {
      prepare: () => this.#prepare(),
      received: (message) => this.#router.receive(message),
      changed: (state, details) => this.#changed(state, details),
      lost: (closeCode, ended) => this.#lost(closeCode, ended),
      failed: (error) => this.#report(error),
    });
    this.#router = new FrameRouter(
      {
        sessionId: this.sessionId,
        clock,
        connection: this.#connection,
        positions: this.#positions,
        order: this.#order,
        requests: this.#requests,
        subscriptions: this.#subscriptions,
        token: this.#token,
      },
      {
        late: (late) => this.#lates.emit(late),
        recovered: (recovered) => this.#recoveries.emit(recovered),
        error: (error) => this.#report(error),
      },
    );
    this.connect();
  }

  /** How the connection stands. */
  get state(): ConnectionState {
    return this.#connection.state;
  }

  /**
   * Connects again after the connection was closed for good. While it waits, it tries at once; while it is open, it finds out
   * whether the gateway is still there. Browsers tell the client by themselves when the network changed or the page woke up;
   * call this where another runtime says so, such as React Native's `AppState`.
   */
  connect(): void {
    this.#ended = undefined;
    this.#wakeEvents.start();
    this.#connection.open();
  }

  /**
   * Closes the connection and stays closed. Commands without an outcome are rejected: with the status `unavailable` where they
   * never went out, else `unknown`. Safe to call twice.
   */
  close(): void {
    this.#connection.close(new ClientClosedError('The client was closed by close().'));
  }

  /**
   * Resolves once the connection is live; at once where it is.
   * @throws {ClientClosedError} `client_closed`: it is closed and will not be live by itself
   */
  ready(): Promise<void> {
    if (this.state === 'live') return Promise.resolve();
    if (this.#ended) return Promise.reject(this.#ended);
    return this.#ready.wait();
  }

  /**
   * Sends a command. Resolves with what its handler returned; the promise settles once, with the outcome that the log
   * decided on. While there is no connection it waits for one, within its time to live.
   * @param payload anything that JSON carries; it is written at once, so later changes to it do not matter
   * @throws {CommandFailedError} every other outcome: see its `status`
   * @throws {UnserializableRequestError} `request_unserializable`
   * @throws {InvalidClientOptionsError} `client_options_invalid`: `ttl` is no number of milliseconds
   */
  send<T extends CommandTopic<C>, N extends CommandName<C, T>>(
    topic: T,
    command: N,
    payload: PayloadOf<C, T, N>,
    options?: SendOptions,
  ): Promise<ResultOf<C, T, N>>;
  /**
   * Sends a generic command such as `Update(Lot)`. Its key is the entity's id unless another one is given, so the changes of one
   * entity stay in order, whoever asks for them. What it resolves with came as JSON: an entity without its methods, dates as texts.
   */
  send<P extends object, R>(
    command: EntityCommandClass<P, R>,
    payload: NoInfer<P>,
    options?: SendOptions,
  ): Promise<Arrived<R>>;
  /**
   * Sends a command whose class has `@CommandAddress`, where page and service share it.
   * @throws {UnaddressedClassError} `class_unaddressed`
   */
  send<P extends object>(command: PayloadClass<P>, payload: NoInfer<P>, options?: SendOptions): Promise<unknown>;
  async send(to: string | PayloadClass, ...rest: readonly unknown[]): Promise<unknown> {
    if (typeof to === 'string') return this.#send(to, rest[0] as string, rest[1], rest[2] as SendOptions);
    const { topic, name } = commandAddressOf(to) ?? unaddressed(to, '@CommandAddress');
    const [payload, options] = rest as [unknown, SendOptions?];
    return this.#send(topic, name, payload, { key: entityKeyOf(to, payload), ...options });
  }

  /** Not async: each promise between an outcome and who waits for it lets a later event overtake it. */
  #send(topic: string, command: string, payload: unknown, options: SendOptions = {}): Promise<unknown> {
    const { ttl = this.#options.ttl, key, baggage, signal, ...listeners } = options;
    checkTtl(ttl);
    const progress = listeners.onProgress && true;
    const { trace } = this.#options;
    const traceparent = options.traceparent ?? traceparentNow(trace, this.#crypto, this.#onThrown);
    const head = { requestId: newRequestId(this.#crypto), topic, command, ttl, key, traceparent, baggage, progress };
    const request = new PendingRequest(head, serializePayload(command, payload), this.#options.clock.now(), listeners);
    if (this.#ended) request.fail({ status: 'unavailable', code: this.#ended.code, message: this.#ended.message });
    else this.#requests.add(request, signal);
    return request.promise;
  }

  /** Listens to all events of a topic. Its channel is opened for the first listener and closed after the last one. */
  on<T extends EventTopic<C>>(topic: T, listener: TypedEventListener<EventData<C, T>>): Off;
  /** Listens to all that happens to an entity. */
  on<T extends EventTopic<C>, E extends EntityName<C, T> | '*'>(
    topic: T,
    entity: E,
    listener: TypedEventListener<EventData<C, T, E>>,
  ): Off;
  /**
   * Listens to the events of one kind; `*` stands for every entity or every event type. An event comes once, in the order of
   * its partition, also those that were missed while there was no connection.
   * @returns what takes the listener back
   */
  on<T extends EventTopic<C>, E extends EntityName<C, T> | '*', Y extends EventTypeName<C, T, E> | '*'>(
    topic: T,
    entity: E,
    eventType: Y,
    listener: TypedEventListener<EventData<C, T, E, Y>>,
  ): Off;
  /** Listens to a generic event such as `Created(Lot)`. Its data is undefined where only metadata is broadcast. */
  on<D extends object>(event: EntityEventClass<D>, listener: TypedEventListener<Arrived<D>>): Off;
  on(about: string | PayloadClass, ...rest: readonly unknown[]): Off {
    const listener = rest.at(-1) as EventListener;
    const [entity = '*', eventType = '*'] = rest.slice(0, -1) as string[];
    if (typeof about === 'string') return this.#subscriptions.add(about, entity, eventType, listener);
    const declared = eventEntityOf(about) ?? unaddressed(about, '@EventEntity');
    return this.#subscriptions.add(declared.topic, declared.entity, entityEventOf(about)?.eventType ?? '*', listener);
  }

  /** Is told each change of the connection. */
  onState(listener: Listener<[state: ConnectionState, details: StateDetails]>): Off {
    return this.#states.add(listener);
  }

  /** Is told, topic by topic, when what was missed has come. Where `complete` is false, load afresh: the log held not all of it. */
  onRecovered(listener: Listener<[recovered: Recovered]>): Off {
    return this.#recoveries.add(listener);
  }

  /** Is told outcomes that nobody waits for any more: of commands that ended as `unknown` or whose wait was aborted. */
  onLate(listener: Listener<[late: LateOutcome]>): Off {
    return this.#lates.add(listener);
  }

  /** Is told what went wrong beside commands. Without such a listener it goes to the console. */
  onError(listener: Listener<[error: Error]>): Off {
    return this.#errors.add(listener);
  }

  /**
   * Shows the gateway a fresh token on the open connection; without a connection, the next one shows it. Tokens of a function
   * that tells when they end are refreshed without this.
   * @param token the fresh token, kept for later connections unless the option `token` is a function, which is asked for
   *   each; left out, the option `token` is asked
   * @returns when the token ends, where that is known
   * @throws {TokenRefreshError} `token_refresh_failed`
   * @throws {ClientClosedError} `client_closed`: it was closed meanwhile
   */
  async refresh(token?: string): Promise<Date | undefined> {
    const expires = await this.#refresh(token);
    this.#renew(expires);
    return expires;
  }

  async #refresh(token?: string): Promise<Date | undefined> {
    if (token !== undefined) this.#token.replace(token);
    const { socket } = this.#connection;
    return socket && this.#token.refresh(socket, token);
  }

  #renew(expires: Date | undefined): void {
    if (this.#token.renews) this.#renewal.due(expires);
  }

  async #prepare(): Promise<() => ClientFrames['hello']> {
    const [credentials, token] = await Promise.all([this.#credentials.get(), this.#token.current()]);
    return () => this.#hello(credentials, token);
  }

  #hello({ publicKey, opener }: Credentials, token: ExpiringToken | undefined): ClientFrames['hello'] {
    this.#renew(token?.expires);
    const positions = this.#positions.snapshot();
    this.#router.greeted(positions, opener);
    const { epoch } = this.#positions;
    return {
      sessionId: this.sessionId,
      publicKey,
      token: token?.token,
      ...this.#subscriptions.hello(),
      ...(epoch !== undefined && { positions, epoch }),
    };
  }

  #changed(state: ConnectionState, details: StateDetails): void {
    if (state === 'live') this.#ready.resolve();
    this.#states.emit(state, details);
  }

  #lost(closeCode: number, ended: ClientClosedError | undefined): void {
    this.#renewal.stop();
    this.#router.disconnected(closeCode);
    this.#subscriptions.disconnected();
    this.#requests.disconnected(closeCode);
    this.#token.disconnected(ended);
    if (ended) this.#end(ended);
  }

  #end(error: ClientClosedError): void {
    this.#ended = error;
    this.#wakeEvents.stop();
    this.#ready.reject(error);
    // What has arrived counts, though it may not be open yet.
    void this.#requests.end(error.code, error.message, this.#order.drained());
  }

  #report(error: Error): void {
    if (this.#errors.size === 0) console.error(error);
    this.#errors.emit(error);
  }
}

function unaddressed({ name }: PayloadClass, decorator: string): never {
  throw new UnaddressedClassError(`Class ${name} says nowhere which topic it belongs to. Write ${decorator} above it.`);
}
