import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { KafkaOptions, type MessageLog, type Outcome } from 'nestjs-kafka-socket';
import { CommandFailedError, KafkaSocketClient } from 'nestjs-kafka-socket/client';
import { WebSocket } from 'ws';
import { KafkaMessageLog } from '../../lib/log/kafka/kafka.message.log.js';
import { decodeMessage } from '../../lib/message/cloud-events.codec.js';
import { isTerminal } from '../../lib/message/outcome.rule.js';
import { freePorts } from './free.ports.js';
import { KafkaServer } from './kafka.server.js';
import { LoadBalancer } from './load.balancer.js';
import { RedisServer } from './redis.server.js';
import { ServerProcess } from './server.process.js';
import { TemporaryDirectory } from './temporary.directory.js';

const MEMBER = fileURLToPath(new URL('./crash.member.mjs', import.meta.url));
const CLIENTS = 40;
/** Longer than a client takes to find the other gateway: what is sent again too late has no outcome, since nobody may carry it out. */
const TTL = 8_000;
/** By how much the guess of a command's way to its handler and back is mended with each outcome, in milliseconds. */
const MEND = 0.1;
/** How far from the time to live the work ends at most, in milliseconds. */
const EDGE = 5;
/** Commands that are under way at the same time. */
const IN_FLIGHT = 800;

export interface CrashPlan {
  readonly commands: number;
  readonly seed: number;
}

/** How the requests of a run ended. */
export interface CrashReport {
  /** How many the clients were told of, by status. */
  readonly told: Readonly<Record<string, number>>;
  /** Requests with both a result and a time-out in the log: they met, and one of them had to give way. */
  readonly contested: number;
  readonly faults: readonly string[];
  /** Every request that has no outcome, or another one than the log's first, in words. */
  readonly wrong: readonly string[];
}

/** Two gateways, two services, Kafka and Redis, each a process of its own, and clients that send commands to the edge of their time. */
export async function crashRun({ commands, seed }: CrashPlan): Promise<CrashReport> {
  const house = await CrashHouse.open();
  try {
    const random = randomBy(seed);
    const ending = new AbortController();
    const faults: string[] = [];
    const breaking = house.breakThings(random, ending.signal, (fault) => faults.push(fault));
    const told = await house.sendAll(commands, random);
    ending.abort();
    await breaking;
    return { faults, ...(await house.judge(told)) };
  } finally {
    await house.close();
  }
}

/** What a client was told of one request. */
export interface Told {
  readonly status: string;
  readonly requestId?: string;
  /** Whose outcome it says that it is. */
  readonly answered?: number;
}

/** What the log says. */
export interface WrittenOutcomes {
  /** The id of each request whose command was written. */
  readonly requestOf: ReadonlyMap<number, string>;
  /** The statuses of its terminal records, in order. */
  readonly endings: ReadonlyMap<string, readonly string[]>;
}

class CrashHouse {
  private constructor(
    private readonly topic: string,
    private readonly kafka: KafkaServer,
    private readonly redis: RedisServer,
    private readonly gateways: readonly ServerProcess[],
    private readonly services: readonly ServerProcess[],
    private readonly balancer: LoadBalancer,
    private readonly directory: TemporaryDirectory,
  ) {}

  static async open(): Promise<CrashHouse> {
    const [kafka, redis] = await Promise.all([KafkaServer.start(), RedisServer.start()]);
    const topic = `crash-${randomUUID()}`;
    const directory = new TemporaryDirectory('crash');
    const ports = await freePorts(4);
    const members = ports.map((port, index) => {
      const role = index < 2 ? 'gateway' : 'service';
      const environment = { ROLE: role, PORT: port, TOPIC: topic, KAFKA_BROKERS: kafka.addresses };
      const variables = Object.entries({ ...environment, REDIS_PORT: new URL(redis.url).port });
      return new ServerProcess({
        name: `${role} ${index % 2}`,
        command: 'env',
        args: [...variables.map(([name, value]) => `${name}=${value}`), process.execPath, MEMBER],
        logFile: join(directory.path, `${role}-${index % 2}.log`),
        isReady: async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok,
      });
    });
    await Promise.all(members.map((member) => member.start()));
    const balancer = await LoadBalancer.start(ports.slice(0, 2));
    return new CrashHouse(topic, kafka, redis, members.slice(0, 2), members.slice(2), balancer, directory);
  }

  async close(): Promise<void> {
    this.balancer.stop();
    await Promise.all([...this.gateways, ...this.services].map((member) => member.kill()));
    await Promise.all([this.kafka.stop(), this.redis.stop()]);
    this.directory.remove();
  }

  /** Kills one thing after the other, and starts each again at once, until it is told to stop; then waits until all of them run. */
  async breakThings(random: () => number, signal: AbortSignal, note: (fault: string) => void): Promise<void> {
    const restarts = new Map<string, Promise<void>>();
    const restart = (name: string, kill: () => Promise<void>, start: () => Promise<void>): void => {
      if (restarts.has(name)) return;
      note(`${name} killed`);
      const restarting = kill()
        .then(start)
        .finally(() => restarts.delete(name));
      restarts.set(name, restarting);
    };
    const oneOf = (role: string, [one, other]: readonly ServerProcess[]): void => {
      // One of two is left: with none nobody could be told anything in time.
      if (restarts.has(`${role} 0`) || restarts.has(`${role} 1`)) return;
      const [index, member] = random() < 0.5 ? [0, one!] : [1, other!];
      restart(
        `${role} ${index}`,
        () => member.kill(),
        () => member.start(),
      );
    };
    const faults = [
      () => oneOf('gateway', this.gateways),
      () => oneOf('service', this.services),
      () =>
        restart(
          'Redis',
          () => this.redis.kill(),
          () => this.redis.restart(),
        ),
      () => {
        note('Redis emptied');
        void this.redis.empty().catch(() => undefined); // it may be down just now
      },
    ];
    let next = [...faults];
    while (!signal.aborted) {
      await pause(500 + random() * 2_000, undefined, { signal }).catch(() => undefined);
      // In random order, but each once before one comes again, so that a short run has some of all.
      const [fault] = next.splice(Math.floor(random() * next.length), 1);
      if (next.length === 0) next = [...faults];
      if (!signal.aborted) fault!();
    }
    await Promise.all(restarts.values());
  }

  /** Sends so many commands, each with work that ends within a few milliseconds of its time to live. */
  async sendAll(commands: number, random: () => number): Promise<Told[]> {
    const clients = Array.from({ length: CLIENTS }, () => this.client());
    const told: Told[] = [];
    let next = 0;
    let way = 5;
    const sendOn = async (): Promise<void> => {
      for (let n = next++; n < commands; n = next++) {
        const ms = Math.max(0, Math.round(TTL - way + (random() * 2 - 1) * EDGE));
        const outcome = await this.send(clients[n % CLIENTS]!, n, ms);
        told[n] = outcome;
        // However fast the machine is just now: half of them should make it.
        way += outcome.status === 'success' ? -MEND : MEND;
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, sendOn));
    for (const client of clients) client.close();
    return told;
  }

  private client(): KafkaSocketClient {
    const client = new KafkaSocketClient(`ws://127.0.0.1:${this.balancer.port}/socket`, {
      WebSocket,
      slack: 60_000,
      offlineQueue: 1_000_000,
      reconnect: { minimum: 50, maximum: 500 },
    });
    client.onError(() => undefined); // `pending`, where Kafka did not tell in time: the log does
    return client;
  }

  /** The number travels in the payload, so that the log tells which request it was. */
  private async send(client: KafkaSocketClient, n: number, ms: number): Promise<Told> {
    try {
      const { n: answered } = (await client.send(this.topic, 'Race', { ms, n }, { ttl: TTL, key: String(n) })) as {
        n: number;
      };
      return { status: 'success', answered };
    } catch (error) {
      if (!(error instanceof CommandFailedError)) throw error;
      return { status: error.status, requestId: error.requestId };
    }
  }

  /** Reads the whole log and compares. */
  async judge(told: readonly Told[]): Promise<Omit<CrashReport, 'faults'>> {
    const log = new KafkaMessageLog(Object.assign(new KafkaOptions(), { brokers: [this.kafka.addresses] }));
    await log.connect();
    try {
      return verdictOn(told, await this.readBack(log));
    } finally {
      await log.close();
    }
  }

  private async readBack(log: MessageLog): Promise<WrittenOutcomes> {
    const requestOf = new Map<number, string>();
    const endings = new Map<string, string[]>();
    for (const { partition, start, end } of await log.offsets(this.topic)) {
      for await (const { records } of log.read({ topic: this.topic, partition, from: start, to: end })) {
        for (const record of records) {
          const { breadCrumbs, payload } = decodeMessage(record);
          const { requestId } = breadCrumbs;
          if (requestId === undefined) continue;
          if (payload.kind === 'command') requestOf.set((payload.data as { n: number }).n, requestId);
          if (!isTerminal(record.headers)) continue;
          endings.set(requestId, [...(endings.get(requestId) ?? []), (payload.data as Outcome).status]);
        }
      }
    }
    return { requestOf, endings };
  }
}

/** What each client was told must be the first terminal record of its request, and of its own request. */
export function verdictOn(told: readonly Told[], { requestOf, endings }: WrittenOutcomes): Omit<CrashReport, 'faults'> {
  const counts: Record<string, number> = {};
  const wrong: string[] = [];
  for (const [n, { status, requestId = requestOf.get(n), answered = n }] of told.entries()) {
    counts[status] = (counts[status] ?? 0) + 1;
    const [first] = (requestId !== undefined && endings.get(requestId)) || [];
    // What never went out left no trace: the client said so, and the log agrees.
    const expected = first ?? (requestOf.has(n) ? 'an outcome' : 'unavailable');
    if (status !== expected) wrong.push(`request ${n} (${requestId}): told ${status}, the log says ${expected}`);
    if (answered !== n) wrong.push(`request ${n} (${requestId}): told the outcome of request ${answered}`);
  }
  const contested = [...endings.values()].filter((statuses) => new Set(statuses).size > 1).length;
  return { told: counts, contested, wrong };
}

/** The same numbers for the same seed (mulberry32). */
function randomBy(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
