import { WebSocket } from 'ws';
import type { WebSocketConstructor } from '../../../lib/client/gateway.socket.js';
import type {
  At,
  BroadcastFrame,
  ClientFrames,
  Frame,
  GatewayFrames,
  Positions,
} from '../../../lib/protocol/frames.js';
import type { Happening } from './entry.js';

/** Who watches what one client sends and gets. */
export interface SocketObserver {
  readonly client: number;
  /** The address of the gateway that its next socket goes to, as a load balancer would choose. */
  nextUrl(): string;
  note(happening: Happening): void;
  /** The socket that the client has now; the one before it does not count any more. */
  opened(socket: ObservedSocket): void;
}

/** A socket whose frames are noted. */
export interface ObservedSocket {
  /** Cuts it without a goodbye. */
  terminate(): void;
  /** Whether its gateway is done with all of a topic's partitions up to these offsets. */
  isDoneWith(topic: string, ends: ReadonlyMap<number, number>): boolean;
}

/** Makes sockets that work as those of `ws` do, and whose frames are noted on their way. */
export function observedSockets(observer: SocketObserver): WebSocketConstructor {
  let sockets = 0;
  return class extends WebSocket {
    private readonly watch = new SocketWatch(observer, ++sockets);

    constructor(_url: string, protocols: string) {
      super(observer.nextUrl(), protocols);
      this.on('message', (data) => this.watch.received((data as Buffer).toString()));
      this.on('close', () => this.watch.closed());
      observer.opened(this);
    }

    isDoneWith(topic: string, ends: ReadonlyMap<number, number>): boolean {
      return this.watch.isDoneWith(topic, ends);
    }

    override send(data: string): void {
      this.watch.sent(data);
      super.send(data);
    }

    /** What comes in after that reaches nobody. */
    override close(): void {
      this.watch?.closed();
      super.close();
    }
  };
}

/** What goes over one socket, and whether a gateway keeps to the order of the log on it. */
class SocketWatch {
  /** By partition, what the gateway is done with: what comes after that lies behind it. */
  private readonly done = new Map<string, bigint>();
  private asked: Positions | undefined;
  private over = false;

  constructor(
    private readonly observer: SocketObserver,
    private readonly socket: number,
  ) {}

  sent(text: string): void {
    const { event, data } = JSON.parse(text) as Frame;
    const { client, note } = this.observer;
    if (event === 'hello') {
      const { positions = {} } = data as ClientFrames['hello'];
      this.asked = positions;
      this.raise(positions);
      note({ what: 'hello', client, socket: this.socket, positions });
    } else if (event === 'request') {
      const { requestId: id, payload, age = 0 } = data as ClientFrames['request'];
      note({ what: 'sent', client, socket: this.socket, id, age, n: (payload as { n: number }).n });
    }
  }

  received(text: string): void {
    if (this.over) return;
    const { event, data } = JSON.parse(text) as Frame;
    const { client, note } = this.observer;
    const { socket } = this;
    if (event.startsWith('socket/')) {
      const { at, requestId } = data as BroadcastFrame;
      this.inOrder(at);
      if (!event.endsWith('/broadcast')) note({ what: 'result', client, socket, at, id: requestId! });
    } else if (event === 'welcome') this.welcomed((data as GatewayFrames['welcome']).positions);
    else if (event === 'ping') this.raise((data as GatewayFrames['ping']).positions);
    else if (event === 'accepted') {
      const { requestId: id, at } = data as GatewayFrames['accepted'];
      note({ what: 'accepted', client, id, at });
    }
  }

  closed(): void {
    if (this.over) return;
    this.over = true;
    this.observer.note({ what: 'closed', client: this.observer.client, socket: this.socket });
  }

  isDoneWith(topic: string, ends: ReadonlyMap<number, number>): boolean {
    return [...ends].every(([partition, end]) => (this.done.get(`${topic}/${partition}`) ?? -1n) >= BigInt(end) - 1n);
  }

  private welcomed(positions: Positions): void {
    this.observer.note({ what: 'welcome', client: this.observer.client, socket: this.socket, positions });
    // Where it asked for what it missed, that comes first.
    for (const topic of Object.keys(positions)) if (!this.asked?.[topic]) this.raise({ [topic]: positions[topic]! });
  }

  private raise(positions: Positions): void {
    for (const [topic, partitions] of Object.entries(positions)) {
      for (const [partition, text] of Object.entries(partitions)) {
        const key = `${topic}/${partition}`;
        const offset = BigInt(text);
        if (offset > (this.done.get(key) ?? -1n)) this.done.set(key, offset);
      }
    }
  }

  private inOrder([topic, partition, text]: At): void {
    const key = `${topic}/${partition}`;
    const offset = BigInt(text);
    const done = this.done.get(key) ?? -1n;
    if (offset > done) return void this.done.set(key, offset);
    const message = `socket ${this.socket} brought ${key}@${text} though ${done} was done with`;
    this.observer.note({ what: 'wrong', client: this.observer.client, code: 'wire_order', message });
  }
}
