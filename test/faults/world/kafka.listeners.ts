import { freePorts } from '../../support/free.ports.js';
import type { MemberLinks } from './member.js';
import { TcpProxy } from './tcp.proxy.js';

/** Where one broker waits for one member. */
interface Listener {
  readonly name: string;
  readonly port: number;
  /** What the member is told to connect to. */
  readonly proxy: TcpProxy;
}

/**
 * The ways of members to brokers. A Kafka client learns from the cluster where each broker is, so a proxy in front of the first address
 * would see only the first connection. Every member therefore has a listener of its own on every broker, which tells it the address of the
 * proxy between those two: one way can be cut, and all others stay.
 */
export class KafkaListeners {
  private constructor(
    /** By broker, then by member. */
    private readonly listeners: readonly (readonly Listener[])[],
  ) {}

  static async open(brokers: number, members: number): Promise<KafkaListeners> {
    const ports = await freePorts(brokers * members);
    const listeners = Array.from({ length: brokers }, (_, broker) =>
      Promise.all(
        Array.from({ length: members }, async (__, member) => {
          const port = ports[broker * members + member]!;
          return { name: `MEMBER${member}`, port, proxy: await TcpProxy.start(port) };
        }),
      ),
    );
    return new KafkaListeners(await Promise.all(listeners));
  }

  /** The settings of a broker: its usual listeners, and these. */
  properties({ id, port, controllerPort }: { id: number; port: number; controllerPort: number }) {
    const own = this.listeners[id - 1]!;
    const both = [{ name: 'PLAINTEXT', port }, ...own];
    return {
      listeners: [...both, { name: 'CONTROLLER', port: controllerPort }].map(address).join(','),
      'advertised.listeners': [both[0]!, ...own.map(({ name, proxy }) => ({ name, port: proxy.port }))]
        .map(address)
        .join(','),
      'inter.broker.listener.name': 'PLAINTEXT',
      'listener.security.protocol.map': [...both, { name: 'CONTROLLER' }]
        .map(({ name }) => `${name}:PLAINTEXT`)
        .join(','),
      // Every listener has as many threads of its own.
      'num.network.threads': 1,
      // Longer than for a broker alone: ten processes share the machine, and a late heartbeat is not what this is about.
      'broker.session.timeout.ms': 6_000,
      'broker.heartbeat.interval.ms': 2_000,
      // After 300 s by default: what was killed would lead nothing for the rest of a run, and the next fault of that broker meet nobody.
      'leader.imbalance.check.interval.seconds': 5,
    };
  }

  /** The proxies between a member and each broker. */
  of(member: number): MemberLinks['brokers'] {
    return this.listeners.map((broker) => broker[member]!.proxy);
  }

  stop(): void {
    for (const { proxy } of this.listeners.flat()) proxy.stop();
  }
}

function address({ name, port }: { name: string; port: number }): string {
  return `${name}://127.0.0.1:${port}`;
}
