import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { KafkaOptions } from '../../lib/log/log.options.js';
import { KafkaMessageLog } from '../../lib/log/kafka/kafka.message.log.js';
import { check, type Verdict } from './history/checker.js';
import { readEffects } from './history/effect.js';
import { History, readHistory } from './history/history.js';
import type { MemberUse } from './history/use.check.js';
import type { Violations } from './history/violation.js';
import { Workload } from './history/workload.js';
import { readWrittenLog } from './history/written.log.js';
import type { FaultRecord } from './world/fault.js';
import { ClusterAdmin } from './world/kafka.admin.js';
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

/** Partitions of the topic at first. */
const PARTITIONS = 6;

/** A world, clients that put it under load, and the verdict on what came of it. */
export class LoadedWorld {
  /** What was still to come when the wait for it was over, in words. */
  private readonly missing: string[] = [];

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
    const world = await startWorld({ directory, topic, partitions: PARTITIONS, environment, tell });
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

  /** Load while nothing is broken, for so many milliseconds: what is asked for then has to be carried out. */
  async calm(lasts: number): Promise<void> {
    this.history.note({ what: 'phase', calm: true });
    await this.load(true, () => pause(lasts));
    this.history.note({ what: 'phase', calm: false });
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
    const { topic, brokers } = this.world;
    return new ClusterAdmin(brokers).uncommitted(`${topic}-service`, topic);
  }

  /**
   * Holds all that happened against the log. Nothing is noted after that.
   * @param violations what is known already
   * @param faults what was broken meanwhile
   */
  async judge(violations: Violations, faults: readonly FaultRecord[] = []): Promise<Verdict> {
    this.history.close();
    this.tell(`checking ${this.workload.asked} requests`);
    for (const one of this.missing) violations.add('lost', one);
    const log = await this.withLog((reading) => readWrittenLog(reading, this.world.topic));
    const widened = (await this.ends()).size > PARTITIONS;
    const spans = faults.map(({ at, lasted, recovered = 0 }) => {
      const from = this.history.timeOf(at);
      return { from, to: from + lasted + recovered };
    });
    const history = readHistory(this.history.path);
    return check({ history, log, effects: readEffects(this.effects), widened, spans }, violations);
  }

  /** Ends everything. Safe to call twice. */
  async close(): Promise<void> {
    this.history.close();
    this.workload.close();
    await this.world.stop();
  }

  private async settle(): Promise<void> {
    this.tell('settling');
    const within = `${SETTLE} ms after the load`;
    this.miss(await this.workload.settled(SETTLE), `requests are not settled ${within}`);
    // Also what came of the last of it.
    this.miss(await this.handled(SETTLE), `records are not handled ${within}`);
    this.miss(await this.workload.caughtUp(await this.ends(), SETTLE), `clients have not caught up ${within}`);
  }

  private miss(count: number, what: string): void {
    if (count > 0) this.missing.push(`${count} ${what}`);
  }

  /** Waits until all records are committed. @returns how many are not when the limit is over */
  private async handled(limit: number): Promise<number> {
    const giveUp = performance.now() + limit;
    for (;;) {
      const lag = await this.lag();
      if (lag === 0 || performance.now() > giveUp) return lag;
      await pause(300);
    }
  }

  /** By partition, the offset that the next record gets. */
  private async ends(): Promise<ReadonlyMap<number, number>> {
    const offsets = await this.withLog((log) => log.offsets(this.world.topic));
    return new Map(offsets.map(({ partition, end }) => [partition, Number(end)]));
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
}
