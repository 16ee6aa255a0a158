import type { KafkaServer } from '../../support/kafka.server.js';
import type { RedisServer } from '../../support/redis.server.js';
import type { Member } from './member.js';
import type { TcpProxy } from './tcp.proxy.js';

export interface WorldOptions {
  /** Where the members write what they say: `<name>.log`. It exists, and stays when the world ends. */
  readonly directory: string;
  /** The topic of commands, results and events. The services' group is `<topic>-service`. */
  readonly topic: string;
  /** Partitions of the topic at the start. @default 6 */
  readonly partitions?: number;
  /** What the processes of the members get in their environment beside what the world gives them. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Told what happens, a line each. */
  readonly tell: (line: string) => void;
}

/**
 * Three brokers, Redis, three gateways and three services, each a process of its own, with a proxy on every way that faults are about.
 *
 * A member gets `ROLE` (`gateway` or `service`), `INSTANCE` (its name), `PORT`, `TOPIC`, `KAFKA_BROKERS` and `REDIS_PORT`. It finds the
 * topic made, with three copies.
 */
export interface World {
  readonly topic: string;
  /** Direct addresses, past every proxy, comma separated. */
  readonly brokers: string;
  readonly kafka: KafkaServer;
  readonly redis: RedisServer;
  readonly gateways: readonly Member[];
  readonly services: readonly Member[];
  /** The way of clients to each gateway. */
  readonly clientLinks: readonly TcpProxy[];
  /** Where clients connect to, one a gateway, each through its link. */
  readonly gatewayUrls: readonly string[];
  /** Ends everything. Safe to call twice. */
  stop(): Promise<void>;
}
