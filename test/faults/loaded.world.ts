import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { KafkaOptions } from '../../lib/log/log.options.js';
import { KafkaMessageLog } from '../../lib/log/kafka/kafka.message.log.js';
import { check, type Verdict } from './history/checker.js';
import { readEffects } from './history/effect.js';
import { History, readHistory } from './history/history.js';
import type { MemberUse } from './history/use.check.js';
import type { Violations } from './history/violation.js';
import { Workload } from './history/workload.js';
import { readWrittenLog } from './history/written.log.js';
import { membersOf, startWorld, type World } from './world/world.js';

export interface LoadPlan {
  readonly seed: number;
  /** @default 200 */
  readonly clients?: number;
  /** Commands a second, by all clients together. @default 60 */
  readonly rate?: number;
  /** A protection that members go without, a file of `protections/`. */
  readonly without?: string;
  /** Where history, effects and the members' logs go. It exists. */
  readonly directory: string;
  readonly tell: (line: string) => void;
}

/** Longer than any request lives, and a client waits for its outcome, in milliseconds. */
const SETTLE = 120_000;
/** Time for what ends by itself: connections of clients that left, pauses, renewals. In milliseconds. */
const REST = 5_000;

/** A world, clients that put it under load, and the verdict on what came of it. */
export class LoadedWorld {
  private constructor(
    readonly world: World,
    private readonly workload: Workload,
    private readonly history: History,
    private readonly effects: string,
    private readonly tell: (line: string) => void,
  ) {}

  /** Resolves once all clients are connected. */
  static async open({ directory, tell, without, seed, clients = 200, rate = 60 }: LoadPlan): Promise<LoadedWorld> {
    const topic = `faults-${randomUUID()}`;
    const effects = join(directory, 'effects.sqlite');
    const environment = { EFFECTS: effects, ...(without && { WITHOUT: without }) };
    const world = await startWorld({ directory, topic, environment, tell });
    const history = new History(join(directory, 'history.jsonl'));
    const workload = new Workload({ topic, gatewayUrls: world.gatewayUrls, history, seed, clients, rate });
    const loaded = new LoadedWorld(world, workload, history, effects, tell);
    try {
      await workload.ready();
      return loaded;
    } catch (error) {
      await loaded.close();
      throw error;
    }
  }

  /**
   * Keeps up the load while something happens, and waits until all that came of it is done.
   * @param disturbed whether clients lose their sockets, and go away and come back
   */
  async load<T>(disturbed: boolean, happening: () => Promise<T>): Promise<T> {
    const ending = new AbortController();
    setMaxListeners(0, ending.signal); // one for each client that is away
    const disturbing = disturbed && this.workload.disturb(ending.signal);
    const loading = Promise.all([this.workload.send(ending.signal), disturbing]);
    try {
      const happened = await happening();
      ending.abort();
      await loading;
      await this.settle();
      return happened;
    } finally {
      ending.abort();
      await loading;
    }
  }

  /** What each process holds, some time after the load. */
  async useAtRest(): Promise<MemberUse[]> {
    await pause(REST);
    return this.use();
  }

  /** What each process holds now, after its garbage was collected. */
  use(): Promise<MemberUse[]> {
    return Promise.all(
      membersOf(this.world).map(async ({ name, role, url }) => {
        const use = (await (await fetch(`${url}/use`)).json()) as Omit<MemberUse, 'member' | 'role'>;
        return { ...use, member: name, role };
      }),
    );
  }

  /** Records of the topic that the services have not committed. */
  lag(): Promise<number> {
    return this.withAdmin(async (admin) => {
      const { topic } = this.world;
      const [group] = await admin.fetchOffsets({ groupId: `${topic}-service`, topics: [topic] });
      const committed = new Map(group!.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      const ends = await admin.fetchTopicOffsets(topic);
      return ends.reduce(
        (sum, { partition, high }) => sum + Number(high) - Math.max(0, committed.get(partition) ?? 0),
        0,
      );
    });
  }

  /** Holds all that happened against the log. Nothing is noted after that. @param violations what is known already */
  async judge(violations: Violations): Promise<Verdict> {
    this.history.close();
    this.tell(`checking ${this.workload.asked} requests`);
    const log = await this.withLog((reading) => readWrittenLog(reading, this.world.topic));
    const effects = readEffects(this.effects);
    return check({ history: readHistory(this.history.path), log, effects }, violations);
  }

  /** Ends everything. Safe to call twice. */
  async close(): Promise<void> {
    this.history.close();
    this.workload.close();
    await this.world.stop();
  }

  private async settle(): Promise<void> {
    this.tell('settling');
    await this.workload.settled(SETTLE);
    const giveUp = performance.now() + SETTLE;
    // Also what came of the last of it.
    while ((await this.lag()) > 0 && performance.now() < giveUp) await pause(300);
    const ends = await this.withLog((log) => log.offsets(this.world.topic));
    await this.workload.caughtUp(new Map(ends.map(({ partition, end }) => [partition, Number(end)])), SETTLE);
  }

  private async withLog<T>(use: (log: KafkaMessageLog) => Promise<T>): Promise<T> {
    const brokers = this.world.brokers.split(',');
    const log = new KafkaMessageLog(Object.assign(new KafkaOptions(), { brokers }));
    await log.connect();
    try {
      return await use(log);
    } finally {
      await log.close();
    }
  }

  private async withAdmin<T>(use: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
    const admin = new Kafka({ brokers: this.world.brokers.split(','), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      return await use(admin);
    } finally {
      await admin.disconnect();
    }
  }
}
