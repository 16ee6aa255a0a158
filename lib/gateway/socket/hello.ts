import { Logger } from '@nestjs/common';
import { messageOf } from '../../kafka-socket.error.js';
import { CloseCode } from '../../protocol/close-codes.js';
import type { ClientFrames } from '../../protocol/frames.js';
import type { Connection } from './connection.js';
import { BadFrameError, type ClientFacingError, GatewaySetupError } from '../gateway.errors.js';
import type { Authenticated, GatewayOptions } from '../gateway.options.js';
import type { Heartbeat } from './heartbeat.js';
import { isPublicKey } from '../sealing/public-key.js';
import type { RecordRouter } from '../routing/record.router.js';
import type { Recovery } from '../recovery/recovery.js';
import { Session } from './session.js';
import type { SessionRegistry } from './session.registry.js';
import type { Subscriptions } from './subscriptions.js';

/** What claims may take in the bread crumbs, in bytes; the other crumbs, and those of services, need the rest of 8 KiB. */
const MAX_CLAIMS_BYTES = 6 * 1024;

/** What the gateway says of itself once the log is read back. */
export interface GatewayState {
  /** Names the log that positions belong to. */
  readonly epoch: string;
}

/** Makes a session of a connection: who it is, what it listens to, and where it goes on. */
export class Hello {
  private readonly logger = new Logger(Hello.name);
  private readonly expiry = new WeakMap<Connection, NodeJS.Timeout | undefined>();

  constructor(
    private readonly sessions: SessionRegistry,
    private readonly subscriptions: Subscriptions,
    private readonly recovery: Recovery,
    private readonly router: RecordRouter,
    private readonly heartbeat: Heartbeat,
    private readonly options: GatewayOptions,
  ) {}

  /** Answers with `welcome`, then sends what was missed; resolves when the session is welcome. Closes the socket of who is not. */
  async say(
    connection: Connection,
    hello: ClientFrames['hello'],
    state: GatewayState,
    frameId?: string,
  ): Promise<void> {
    if (!isPublicKey(hello.publicKey))
      throw new BadFrameError('"publicKey" is not a raw uncompressed P-256 point in base64url.');
    const who = await this.authenticate(connection, hello.token);
    if (who === 'refused') return;
    const identity = { id: hello.sessionId, publicKey: hello.publicKey, claims: who?.claims };
    const session = new Session(connection.socket, identity, this.options.limits.queue);
    const refused: ClientFacingError[] = [];
    await this.subscriptions.open(session, hello.channels, hello.types ?? {}, (error) => refused.push(error));
    const sameLog = hello.epoch === undefined || hello.epoch === state.epoch;
    const plan = hello.positions && (await this.recovery.plan(hello.positions, sameLog));
    if (connection.closed.aborted) return;

    // From here to the end nothing waits: what is routed next finds the session.
    if (plan) session.beginRecovery(plan.from);
    this.sessions.add(session);
    connection.session = session;
    connection.closed.addEventListener('abort', () => this.sessions.remove(session), { once: true });
    this.welcome(session, state, frameId);
    for (const error of refused) connection.refuse(error, { id: frameId });
    this.expireAt(connection, who?.expires);
    this.heartbeat.start(connection, session);
    if (plan) void this.recovery.run(session, plan, connection.closed); // never rejects: it closes the socket
  }

  /**
   * Takes a new token on an open socket. Closes the socket where it is not good, or somebody else's.
   * @returns when the new token ends
   */
  async refresh(connection: Connection, session: Session, token: string): Promise<{ expires?: string } | undefined> {
    const who = await this.authenticate(connection, token);
    if (who === 'refused') return undefined;
    if (who?.claims.sub !== session.claims?.sub) {
      connection.close(CloseCode.forbidden, 'the token is somebody else’s');
      return undefined;
    }
    session.claims = who?.claims;
    this.expireAt(connection, who?.expires);
    return who?.expires ? { expires: who.expires.toISOString() } : {};
  }

  private async authenticate(
    connection: Connection,
    token: string | undefined,
  ): Promise<Authenticated | undefined | 'refused'> {
    if (!this.options.authenticate) return undefined;
    try {
      return checked(await this.options.authenticate(token, connection.handshake));
    } catch (error) {
      if (error instanceof GatewaySetupError) this.logger.error(error.message);
      else this.logger.debug(`A hello was refused: ${messageOf(error)}`);
      if (isTemporary(error))
        connection.close(CloseCode.insufficientState, 'nobody can be authenticated now: reconnect');
      else connection.close(CloseCode.badToken, 'the token is not accepted');
      return 'refused';
    }
  }

  private welcome(session: Session, { epoch }: GatewayState, frameId?: string): void {
    const { heartbeat, limits } = this.options;
    session.send(
      'welcome',
      {
        sessionId: session.id,
        epoch,
        positions: session.positions(this.router.routed()),
        heartbeat: { interval: heartbeat.interval, timeout: heartbeat.timeout },
        limits: { payload: limits.payload, rate: limits.rate },
      },
      frameId,
    );
  }

  private expireAt(connection: Connection, expires: Date | undefined): void {
    connection.cancel(this.expiry.get(connection));
    if (!expires) return;
    const close = (): void =>
      connection.close(CloseCode.tokenExpired, 'the token has expired: reconnect with a new one');
    this.expiry.set(connection, connection.after(expires.getTime() - Date.now(), close));
  }
}

/** Whether the token may be good, and only who judges it is away. */
function isTemporary(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { temporary?: unknown }).temporary === true;
}

/** The claims travel in every bread crumb, which holds 8 KiB of all of them, percent-encoded. */
function checked(who: Authenticated): Authenticated {
  const bytes = encodeURIComponent(JSON.stringify(who.claims)).length;
  if (typeof who.claims.sub !== 'string')
    throw new GatewaySetupError('gateway.authenticate returned claims without a "sub".');
  if (bytes <= MAX_CLAIMS_BYTES) return who;
  throw new GatewaySetupError(
    `gateway.authenticate returned claims of ${bytes} bytes (encoded), and ${MAX_CLAIMS_BYTES} is the most. Return only what handlers need.`,
  );
}
