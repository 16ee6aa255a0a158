import { createServer, type Server, type Socket, connect } from 'node:net';
import { freePorts } from './free.ports.js';

/** What the protocol calls the requests that a member tells its coordinator of itself and its progress by. */
export const OFFSET_COMMIT = 8;
export const JOIN_GROUP = 11;
export const HEARTBEAT = 12;
export const LEAVE_GROUP = 13;
export const SYNC_GROUP = 14;
/** The protocol's number of what a coordinator says that was started again and has not read yet what groups there are. */
export const STILL_LOADING = 14;

/** The group deals its partitions out anew. */
export const REBALANCE = 27;

/** A note is longer than the broker takes. */
export const NOTE_TOO_LARGE = 12;
/** The coordinator cannot write what groups commit. */
export const NOT_AVAILABLE = 15;

/** What becomes of a request: no answer, none and no connection any more, or an error of the protocol. */
export type Answer =
  'silence' | 'cut' | typeof STILL_LOADING | typeof REBALANCE | typeof NOTE_TOO_LARGE | typeof NOT_AVAILABLE;

/** Stands between a broker's clients and one of its listeners, which advertises the address of this one. */
export class KafkaProxy {
  /** What becomes of the next requests of a kind; those behind them reach the broker. */
  readonly answers: Record<number, Answer[]> = {};
  /** Connections that were opened until now. */
  opened = 0;
  private readonly sockets = new Set<Socket>();
  private server?: Server;

  private constructor(
    private readonly port: number,
    private readonly brokerPort: number,
  ) {}

  /** Before its broker: a listener has to say where clients find it. */
  static async on(brokerPort: number): Promise<KafkaProxy> {
    const [port] = await freePorts(1);
    return new KafkaProxy(port!, brokerPort);
  }

  /** `host:port` */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    if (this.server) return;
    this.server = createServer((client) => this.relay(client));
    await new Promise<void>((resolve) => this.server!.listen(this.port, '127.0.0.1', resolve));
  }

  /** Cuts all connections and takes no others; the broker knows nothing of it. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    const closed = new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Loses from now on whatever comes by the connections that are open now, as a network may; new ones are as ever. */
  swallow(): void {
    for (const socket of this.sockets) {
      socket.removeAllListeners('data');
      socket.unpipe();
      socket.resume();
    }
  }

  private relay(client: Socket): void {
    this.opened++;
    const broker = connect({ port: this.brokerPort, host: '127.0.0.1' });
    let unread = Buffer.alloc(0);
    client.on('data', (data) => {
      unread = Buffer.concat([unread, data]);
      for (let end = endOfRequest(unread); end <= unread.length; end = endOfRequest(unread)) {
        this.pass(unread.subarray(0, end), client, broker);
        unread = unread.subarray(end);
      }
    });
    broker.pipe(client);
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined); // told by the close
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }

  private pass(request: Buffer, client: Socket, broker: Socket): void {
    const kind = request.readInt16BE(4);
    const answer = this.answers[kind]?.shift();
    if (answer === undefined) broker.write(request);
    else if (answer === 'cut') client.destroy();
    else if (answer !== 'silence') {
      const answerOf = kind === OFFSET_COMMIT ? refused : failed;
      client.write(answerOf(request.readInt32BE(8), answer));
    }
  }
}

/** Its length stands before it. */
function endOfRequest(bytes: Buffer): number {
  return bytes.length < 4 ? Infinity : 4 + bytes.readInt32BE(0);
}

/**
 * The answer to SyncGroup, versions 1 to 3: its request's number, throttle time, error, and no assignment. Those to Heartbeat and LeaveGroup
 * begin so.
 */
function failed(correlation: number, code: number): Buffer {
  const answer = Buffer.alloc(18);
  answer.writeInt32BE(14, 0);
  answer.writeInt32BE(correlation, 4);
  answer.writeInt16BE(code, 12);
  return answer;
}

/** The answer to OffsetCommit, from version 3 on: its request's number, throttle time, and one partition of one topic with an error. */
function refused(correlation: number, code: number): Buffer {
  const answer = Buffer.alloc(28);
  answer.writeInt32BE(24, 0);
  answer.writeInt32BE(correlation, 4);
  answer.writeInt32BE(1, 12); // topics, whose name is of no length
  answer.writeInt32BE(1, 18); // partitions, of number 0
  answer.writeInt16BE(code, 26);
  return answer;
}
