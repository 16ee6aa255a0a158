import { CloseCode } from '../../protocol/close-codes.js';
import type { ClientFrames } from '../../protocol/frames.js';
import type { Connection } from './connection.js';
import type { Authentication, Refusal } from './authentication.js';
import { BadFrameError, type ClientFacingError } from '../gateway.errors.js';
import type { Authenticated, GatewayOptions } from '../gateway.options.js';
import type { Heartbeat } from './heartbeat.js';
import { Quota } from '../quota.js';
import { isPublicKey } from '../sealing/public-key.js';
import type { RecordRouter } from '../routing/record.router.js';
import type { Recovery } from '../recovery/recovery.js';
import { Session } from './session.js';
import type { SessionRegistry } from './session.registry.js';
import type { Subscriptions } from './subscriptions.js';

/** How a socket is closed whose client is not let in. */
const GOODBYE: Readonly<Record<Refusal, readonly [code: CloseCode, reason: string]>> = {
  refused: [CloseCode.badToken, 'the token is not accepted'],
  expired: [CloseCode.tokenExpired, 'the token has expired: reconnect with a new one'],
  later: [CloseCode.insufficientState, 'nobody can be authenticated now: reconnect'],
};

/** What the gateway says of itself once the log is read back. */
export interface GatewayState {
  /** Names the log that positions belong to. */
  readonly epoch: string;
}

/** Makes a session of a connection: who it is, what it listens to, and where it goes on. */
export class Hello {
  private readonly users: Quota;
  private readonly expiry = new WeakMap<Connection, NodeJS.Timeout | undefined>();

  constructor(
    private readonly authentication: Authentication,
    private readonly sessions: SessionRegistry,
    private readonly subscriptions: Subscriptions,
    private readonly recovery: Recovery,
    private readonly router: RecordRouter,
    private readonly heartbeat: Heartbeat,
    private readonly options: GatewayOptions,
  ) {
    this.users = new Quota(options.limits.connectionsPerUser);
  }

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
    if (who === 'refused' || !this.takePlace(connection, who)) return;
    const { handshake } = connection;
    const identity = { id: hello.sessionId, publicKey: hello.publicKey, claims: who?.claims, handshake };
    const session = new Session(connection.outbox, identity);
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
   * Takes a new token on an open socket. Closes the socket where it is not good, or somebody else's. Channels that the new claims
   * do not allow are closed together with the change, so nothing of them comes after it.
   * @returns when the new token ends
   */
  async refresh(connection: Connection, session: Session, token: string): Promise<{ expires?: string } | undefined> {
    const who = await this.authenticate(connection, token);
    if (who === 'refused') return undefined;
    if (who?.claims.sub !== session.claims?.sub) {
      connection.close(CloseCode.forbidden, 'the token is somebody else’s');
      return undefined;
    }
    const { handshake } = connection;
    const forbidden = await this.subscriptions.forbidden(session, { claims: who?.claims, handshake });
    session.claims = who?.claims;
    for (const { topic, error } of forbidden) {
      this.sessions.unsubscribe(session, topic);
      connection.refuse(error);
    }
    this.expireAt(connection, who?.expires);
    return who?.expires ? { expires: who.expires.toISOString() } : {};
  }

  private async authenticate(
    connection: Connection,
    token: string | undefined,
  ): Promise<Authenticated | undefined | 'refused'> {
    const who = await this.authentication.byToken(token, connection.handshake);
    if (typeof who !== 'string') return who;
    connection.close(...GOODBYE[who]);
    return 'refused';
  }

  /** Holds a place of its user for as long as the socket is there. Turns away who has as many as a user may. */
  private takePlace(connection: Connection, who: Authenticated | undefined): boolean {
    if (!who || connection.closed.aborted) return true;
    const { sub } = who.claims;
    if (this.users.isSpent(sub)) {
      connection.turnAway(CloseCode.connectionLimit, 'too many connections of this user');
      return false;
    }
    this.users.take(sub);
    connection.closed.addEventListener('abort', () => this.users.release(sub), { once: true });
    return true;
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
    const close = (): void => connection.close(...GOODBYE.expired);
    this.expiry.set(connection, connection.after(expires.getTime() - Date.now(), close));
  }
}
