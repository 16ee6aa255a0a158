import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** One address for several servers, each connection to the next one that says it is ready: what stands in front of gateways. */
export class LoadBalancer {
  private readonly sockets = new Set<Socket>();
  private turn = 0;

  private constructor(
    private readonly server: Server,
    private readonly ports: readonly number[],
  ) {
    server.on('connection', (socket) => void this.pass(socket));
  }

  static async start(ports: readonly number[]): Promise<LoadBalancer> {
    const server = createServer();
    const balancer = new LoadBalancer(server, ports);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return balancer;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  stop(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private async pass(client: Socket): Promise<void> {
    this.keep(client);
    for (let tries = 0; tries < this.ports.length; tries++) {
      const port = this.ports[this.turn++ % this.ports.length]!;
      if (!(await isReady(port))) continue;
      const server = connect(port, '127.0.0.1');
      this.keep(server);
      if (!(await once(server, 'connect').catch(() => undefined))) continue;
      if (client.destroyed) return void server.destroy();
      client.pipe(server).pipe(client);
      client.once('close', () => server.destroy());
      server.once('close', () => client.destroy());
      return;
    }
    client.destroy();
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined); // cut by whoever was killed
    socket.once('close', () => this.sockets.delete(socket));
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health`)).ok;
  } catch {
    return false;
  }
}
