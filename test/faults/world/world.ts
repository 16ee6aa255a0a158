import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { freePorts } from '../../support/free.ports.js';
import { KafkaServer } from '../../support/kafka.server.js';
import { RedisServer } from '../../support/redis.server.js';
import { Member, type MemberRole } from './member.js';
import { ClusterAdmin } from './kafka.admin.js';
import { KafkaListeners } from './kafka.listeners.js';
import { makeNoise } from './noise.js';
import { TcpProxy } from './tcp.proxy.js';

// By the package's own name: this file may run from where it was compiled to.
const ROOT = dirname(createRequire(import.meta.url).resolve('nestjs-kafka-socket/package.json'));
const PROGRAM = join(ROOT, 'test/faults/member.mjs');
const CLOCK = join(ROOT, 'test/faults/world/shifted.clock.mjs');
const BROKERS = 3;
const ROLES: readonly MemberRole[] = ['gateway', 'gateway', 'gateway', 'service', 'service', 'service'];

type End = () => Promise<void> | void;

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
  /** Writes so many records to the topic that concern nobody: see `noise.ts`. */
  pileUp(records: number): Promise<void>;
  /** Ends everything. Safe to call twice. */
  stop(): Promise<void>;
}

/** The gateways, then the services. */
export function membersOf({ gateways, services }: World): readonly Member[] {
  return [...gateways, ...services];
}

/** Starts all of it and waits until every member is ready. What was started is ended where something does not start. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const endings: End[] = [];
  const stop = async (): Promise<void> => {
    for (const end of endings.splice(0).reverse()) await end();
  };
  // Each process that is started here has a hook that ends it with this one.
  process.setMaxListeners(Math.max(process.getMaxListeners(), 50));
  try {
    return { ...(await build(options, (end) => endings.push(end))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function build(options: WorldOptions, onStop: (end: End) => void): Promise<Omit<World, 'stop'>> {
  const { topic, tell } = options;
  const listeners = await KafkaListeners.open(BROKERS, ROLES.length);
  onStop(() => listeners.stop());
  const redis = await RedisServer.start();
  onStop(() => redis.stop());
  const kafka = await KafkaServer.start({ brokers: BROKERS, properties: (broker) => listeners.properties(broker) });
  onStop(() => kafka.stop());
  tell(`${BROKERS} brokers of Kafka ${kafka.version} at ${kafka.addresses}, Redis at ${redis.url}`);
  await new ClusterAdmin(kafka.addresses).makeTopic(topic, options.partitions ?? 6);

  const proxy = async (port: number): Promise<TcpProxy> => {
    const started = await TcpProxy.start(port);
    onStop(() => started.stop());
    return started;
  };
  const redisPort = Number(new URL(redis.url).port);
  const ports = await freePorts(ROLES.length);
  const members = await Promise.all(
    ROLES.map(async (role, index) => {
      const links = { brokers: listeners.of(index), redis: await proxy(redisPort) };
      return memberOf(options, { role, name: `${role} ${(index % 3) + 1}`, port: ports[index]!, links });
    }),
  );
  onStop(async () => void (await Promise.all(members.map((member) => member.kill()))));
  await Promise.all(members.map((member) => member.start()));
  tell(`${members.map(({ name }) => name).join(', ')} are ready`);

  const gateways = members.filter(({ role }) => role === 'gateway');
  const clientLinks = await Promise.all(gateways.map(({ port }) => proxy(port)));
  return {
    topic,
    brokers: kafka.addresses,
    kafka,
    redis,
    gateways,
    services: members.filter(({ role }) => role === 'service'),
    clientLinks,
    pileUp: (records) => makeNoise(kafka.addresses, topic, records),
    gatewayUrls: clientLinks.map(({ port }) => `ws://127.0.0.1:${port}/socket`),
  };
}

function memberOf(
  { directory, topic, environment }: WorldOptions,
  { name, role, port, links }: Pick<Member, 'name' | 'role' | 'port' | 'links'>,
): Member {
  const file = join(directory, name.replace(' ', '-'));
  const clockFile = `${file}.clock`;
  writeFileSync(clockFile, '0');
  const variables = Object.entries({
    ...environment,
    ROLE: role,
    INSTANCE: name,
    PORT: port,
    TOPIC: topic,
    KAFKA_BROKERS: links.brokers.map((link) => `127.0.0.1:${link.port}`).join(','),
    REDIS_PORT: links.redis.port,
    CLOCK_FILE: clockFile,
  }).map(([variable, value]) => `${variable}=${value}`);
  const command = ['env', ...variables, process.execPath, '--import', CLOCK, PROGRAM];
  return new Member({ name, role, port, links, logFile: `${file}.log`, clockFile, command });
}
