import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** One link of the network: passes bytes on to a port of this machine, and does to them what networks do. */
export class TcpProxy {
  /** How long each stretch of bytes is held on its way, in milliseconds; what comes meanwhile goes on together with the next. */
  delay = 0;
  /** Bytes a second that each direction of a connection takes. */
  throttle = Infinity;
  /** Connections that were reset, and stretches of bytes and ends that were held up by silence, so far. */
  disturbed = 0;
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private silent?: { readonly end: Promise<void>; readonly resolve: () => void };
  private refusing = false;

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {
    server.on('connection', (socket) => this.accept(socket));
  }

  /** @param target where to: a port of 127.0.0.1, on which somebody may listen later */
  static async start(target: number): Promise<TcpProxy> {
    // A side that ends may still have to be told something.
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new TcpProxy(server, target);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Connections that go through it now. */
  get connections(): number {
    return this.pairs.size;
  }

  /** Resets every connection, on both sides, or this share of them; new ones come through. */
  cut(share = 1): void {
    const pairs = [...this.pairs];
    const those = pairs.slice(0, Math.ceil(pairs.length * share));
    this.disturbed += those.length;
    those.forEach(reset);
  }

  /** Resets every connection, and each new one, until it is healed: nobody listens there. */
  refuse(): void {
    this.refusing = true;
    this.cut();
  }

  /**
   * Accepts connections, keeps those that there are, and passes nothing, neither bytes nor ends, until it is healed; then all of it
   * comes through, late: a partition that is shorter than TCP's patience.
   */
  silence(): void {
    if (this.silent) return;
    let resolve!: () => void;
    const end = new Promise<void>((ended) => (resolve = ended));
    this.silent = { end, resolve };
  }

  /** Passes everything at once again. */
  heal(): void {
    this.delay = 0;
    this.throttle = Infinity;
    this.refusing = false;
    this.silent?.resolve();
    this.silent = undefined;
  }

  /** Safe to call twice. */
  stop(): void {
    this.server.close();
    this.cut();
    this.heal();
  }

  private accept(client: Socket): void {
    client.on('error', () => undefined); // told by its end
    if (this.refusing) {
      this.disturbed++;
      return void client.resetAndDestroy();
    }
    const server = connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    server.on('error', () => undefined);
    const pair = [client, server] as const;
    this.pairs.add(pair);
    void Promise.all([this.pass(client, server), this.pass(server, client)]).finally(() => this.pairs.delete(pair));
  }

  /** Ends when `from` has, however it does, and hands that on as well: the end as an end, a reset as a reset. */
  private async pass(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        await this.way(chunk.length);
        if (to.destroyed) break;
        if (!to.write(chunk)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
      }
      await this.way(0);
      to.end();
    } catch {
      await this.way(0);
      reset([from, to]);
    }
  }

  private async way(bytes: number): Promise<void> {
    const time = this.delay + (bytes / this.throttle) * 1_000;
    if (time > 0) await pause(time);
    if (this.silent) this.disturbed++;
    while (this.silent) await this.silent.end;
  }
}

function reset(pair: readonly Socket[]): void {
  for (const socket of pair) socket.resetAndDestroy();
}
