import { setMaxListeners } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Logger } from '@nestjs/common';
import type { VerifyClientCallbackAsync } from 'ws';
import { messageOf } from '../../kafka-socket.error.js';
import { abortable } from '../../log/abortable.js';
import { SparingLog } from '../../timeout/sparing.log.js';
import { GatewaySetupError } from '../gateway.errors.js';
import type { GatewayOptions, Handshake } from '../gateway.options.js';
import { Quota } from '../quota.js';
import type { Authentication, Refusal } from './authentication.js';
import { addressKey, clientAddress } from './client.address.js';
import { OriginCheck } from './origin.check.js';

/** What an upgrade that is refused is answered with. */
const STATUS: Readonly<Record<Refusal, number>> = { refused: 401, expired: 401, later: 503 };

/** An upgrade that became a WebSocket. */
export interface Admitted {
  readonly handshake: Handshake;
  /** Whether there was no room: it was opened only to say so, since browsers show no status to their pages. */
  readonly isFull: boolean;
}

/**
 * Decides at the upgrade, before there is a WebSocket, who gets one: first pages of the right origin, then as many as there is room
 * for, then whom the application lets in.
 */
export class Admission {
  /** By address. Held by the TCP connection, from before the application is asked: who waits for its answer takes room as well. */
  readonly addresses: Quota;
  private connections = 0;
  private readonly admitted = new WeakMap<IncomingMessage, Admitted>();
  private readonly origins: OriginCheck;
  private readonly draining = new AbortController();
  private readonly log = new SparingLog(new Logger(Admission.name));

  constructor(
    private readonly options: GatewayOptions,
    private readonly authentication: Authentication,
  ) {
    this.addresses = new Quota(options.limits.connectionsPerAddress);
    this.origins = new OriginCheck(options.origins);
    setMaxListeners(0, this.draining.signal); // each upgrade under way is one
  }

  /** To be given to `ws`, which waits for the answer. */
  readonly verify: VerifyClientCallbackAsync = ({ origin, req }, answer) => {
    if (!this.origins.allows(origin, req.headers.host)) return answer(false, 403);
    const handshake = handshakeOf(req, this.options.proxies);
    const isFull = !this.takePlace(req, addressKey(handshake.address));
    if (isFull || this.draining.signal.aborted) {
      this.admitted.set(req, { handshake, isFull });
      return answer(true);
    }
    this.ask(req, handshake)
      .then((refusal) => answer(!refusal, refusal && STATUS[refusal]))
      .catch((error: unknown) => this.breakOff(req, error));
  };

  /**
   * What became of an upgrade.
   * @throws {GatewaySetupError} `gateway_setup`: it was not asked for here, so nobody knows who came in
   */
  of(request: IncomingMessage): Admitted {
    const admitted = this.admitted.get(request);
    if (admitted) return admitted;
    throw new GatewaySetupError(
      'A WebSocket was opened that the gateway was not asked about. Its adapter has to pass the option verifyClient on to `ws`, as WsAdapter does.',
    );
  }

  /** Keeps no one waiting any more. */
  drain(): void {
    this.draining.abort(new Error('The gateway is shutting down.'));
  }

  private async ask(request: IncomingMessage, handshake: Handshake): Promise<Refusal | undefined> {
    const judged = abortable([this.draining.signal], () => this.authentication.atUpgrade(handshake));
    const who = await judged.catch(() => 'later' as const);
    if (typeof who === 'string') return who;
    this.admitted.set(request, { handshake: who ? { ...handshake, admitted: who } : handshake, isFull: false });
    return undefined;
  }

  /** Whatever fails while a socket is opened must end that socket and not the process. */
  private breakOff({ socket }: IncomingMessage, error: unknown): void {
    this.log.warn(`A WebSocket could not be opened: ${messageOf(error)}`);
    socket.destroy();
  }

  private takePlace({ socket, headers }: IncomingMessage, address: string): boolean {
    const isFull = this.connections >= this.options.limits.connections;
    if (isFull || this.addresses.isSpent(address)) {
      this.log.warn(
        isFull ? TOO_MANY : tooManyFrom(address, 'x-forwarded-for' in headers && this.options.proxies === 0),
      );
      return false;
    }
    this.connections++;
    this.addresses.take(address);
    // Comes once for every TCP connection, whether a WebSocket became of it or not.
    socket.once('close', () => {
      this.connections--;
      this.addresses.release(address);
    });
    return true;
  }
}

const TOO_MANY =
  'Connections are refused: there are as many as gateway.limits.connections says. Add a gateway, or raise it.';

function tooManyFrom(address: string, byProxy: boolean): string {
  const hint = byProxy
    ? ' They come through a proxy: say in gateway.proxies how many there are, and each client counts by itself.'
    : '';
  return `Connections from ${address} are refused: there are as many as gateway.limits.connectionsPerAddress says.${hint}`;
}

function handshakeOf(request: IncomingMessage, proxies: number): Handshake {
  const { headers, socket } = request;
  return { headers, remoteAddress: socket.remoteAddress, address: clientAddress(request, proxies) };
}
