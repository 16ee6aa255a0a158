import { randomInt } from 'node:crypto';
import { newIdentity } from './identity.js';
import { Peer, type PeerOptions } from './peer.js';
import type { Identity } from './identity.js';
import type { Target } from './target.js';

/** A peer that is welcome. */
export type WelcomePeer = Peer & { readonly welcomed: any };

/** The gateway that is looked at, as one test sees it. */
export class Gateway {
  private readonly peers: Peer[] = [];

  constructor(readonly target: Target) {}

  /** Opens a socket. */
  async connect({ identity, ...options }: PeerOptions & { identity?: Identity } = {}): Promise<Peer> {
    const peer = new Peer(this.target.url, identity ?? (await newIdentity()), options);
    this.peers.push(peer);
    return peer.opened();
  }

  /** Opens a socket and says hello, with the token where there is one. */
  async welcome(
    hello: Record<string, unknown> = {},
    options: PeerOptions & { identity?: Identity } = {},
  ): Promise<WelcomePeer> {
    const peer = await this.connect(options);
    peer.hello(this.withToken(hello));
    const { data } = await peer.next('welcome');
    return Object.assign(peer, { welcomed: data as unknown });
  }

  /** A hello that is let in. */
  withToken(hello: Record<string, unknown> = {}): Record<string, unknown> {
    const { token } = this.target;
    return token === undefined ? hello : { token, ...hello };
  }

  /** A lot that nobody else has thought of. */
  freshLot(): number {
    return randomInt(1, 2 ** 47);
  }

  /** What was seen on any socket that no gateway may do. */
  get violations(): readonly string[] {
    return this.peers.flatMap(({ watch }) => watch.violations);
  }

  /** Closes all sockets. */
  async end(): Promise<void> {
    await Promise.all(this.peers.map((peer) => peer.cut()));
  }
}
