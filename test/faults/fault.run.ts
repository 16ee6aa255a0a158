import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { KafkaOptions } from '../../lib/log/log.options.js';
import { KafkaMessageLog } from '../../lib/log/kafka/kafka.message.log.js';
import { check, type Verdict } from './history/checker.js';
import { readEffects } from './history/effect.js';
import { History, readHistory } from './history/history.js';
import { checkUse, type MemberUse } from './history/use.check.js';
import { Violations } from './history/violation.js';
import { Workload } from './history/workload.js';
import { readWrittenLog } from './history/written.log.js';
import type { FaultRecord } from './world/fault.js';
import { runFaults } from './world/fault.schedule.js';
import { startWorld, type World } from './world/world.js';

export interface FaultPlan {
  readonly seed: number;
  /** How long faults happen, in milliseconds. */
  readonly lasts: number;
  /** @default 200 */
  readonly clients?: number;
  /** Commands a second. @default 60 */
  readonly rate?: number;
  /** Names of the faults. Left out: all. */
  readonly faults?: readonly string[];
  /** Records that a lag consists of. @default 100_000 */
  readonly lag?: number;
  /** A protection that members go without, a file of `protections/`. */
  readonly without?: string;
  /** Where history, effects and the members' logs go. It exists. */
  readonly directory: string;
  readonly tell: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface FaultReport {
  readonly verdict: Verdict;
  readonly faults: readonly FaultRecord[];
  readonly use: { readonly before: readonly MemberUse[]; readonly after: readonly MemberUse[] };
}

/** Load before the base line is taken, so that everything has been used once; and how long its last requests take. In milliseconds. */
const WARM_UP = 8_000;
/** Longer than any request lives, and a client waits for its outcome. */
const SETTLE = 120_000;
/** Time for what ends by itself: idle connections of stopped clients, pauses, renewals. */
const REST = 5_000;

/** A whole run: world, load, faults, and the verdict on what came of it. */
export async function faultRun(plan: FaultPlan): Promise<FaultReport> {
  const { directory, tell, without, seed } = plan;
  const topic = `faults-${randomUUID()}`;
  const effects = join(directory, 'effects.sqlite');
  const environment = { EFFECTS: effects, ...(without && { WITHOUT: without }) };
  const world = await startWorld({ directory, topic, environment, tell });
  const history = new History(join(directory, 'history.jsonl'));
  const { clients = 200, rate = 60 } = plan;
  const workload = new Workload({ topic, gatewayUrls: world.gatewayUrls, history, seed, clients, rate });
  try {
    const run = new Run(plan, world, workload);
    const { faults, use } = await run.live();
    history.close();
    tell(`checking ${workload.asked} requests`);
    return { faults, use, verdict: await judge(world, history.path, effects, faults, use) };
  } finally {
    history.close();
    workload.close();
    await world.stop();
  }
}

type Life = Pick<FaultReport, 'faults' | 'use'>;

class Run {
  constructor(
    private readonly plan: FaultPlan,
    private readonly world: World,
    private readonly workload: Workload,
  ) {}

  async live(): Promise<Life> {
    const { tell } = this.plan;
    await this.workload.ready();
    tell('warming up');
    await this.load(() => pause(WARM_UP, undefined, { signal: this.plan.signal }));
    const before = await this.use();
    tell('faults begin');
    const faults = await this.load(() => this.break());
    tell('settled');
    const after = await this.use();
    return { faults, use: { before, after } };
  }

  /** Keeps up the load while something happens, and waits until all that came of it is done. */
  private async load<T>(happening: () => Promise<T>): Promise<T> {
    const ending = new AbortController();
    const loading = Promise.all([this.workload.send(ending.signal), this.workload.disturb(ending.signal)]);
    try {
      return await happening();
    } finally {
      ending.abort();
      await loading;
      await this.settle();
    }
  }

  private break(): Promise<FaultRecord[]> {
    const { seed, lasts, faults, lag, tell, signal } = this.plan;
    const ending = AbortSignal.timeout(lasts);
    const until = signal ? AbortSignal.any([ending, signal]) : ending;
    return runFaults(this.world, { seed, until, tell, ...(faults && { faults }), ...(lag && { lag }) });
  }

  private async settle(): Promise<void> {
    this.plan.tell('settling');
    await this.workload.settled(SETTLE);
    await this.handled();
    await this.workload.caughtUp(await this.ends(), SETTLE);
  }

  /** Until the services have committed all that is in the log, also what came of the last of it; or the limit is over. */
  private async handled(): Promise<void> {
    const { brokers, topic } = this.world;
    const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      const giveUp = performance.now() + SETTLE;
      while (performance.now() < giveUp) {
        const [group] = await admin.fetchOffsets({ groupId: `${topic}-service`, topics: [topic] });
        const ends = await admin.fetchTopicOffsets(topic);
        const committed = new Map(group!.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
        if (ends.every(({ partition, high }) => Number(high) === 0 || committed.get(partition) === Number(high)))
          return;
        await pause(300);
      }
      this.plan.tell('the services have not committed all of the log');
    } finally {
      await admin.disconnect();
    }
  }

  private async ends(): Promise<ReadonlyMap<number, number>> {
    return withLog(this.world, async (log) => {
      const offsets = await log.offsets(this.world.topic);
      return new Map(offsets.map(({ partition, end }) => [partition, Number(end)]));
    });
  }

  private async use(): Promise<MemberUse[]> {
    await pause(REST);
    return Promise.all(
      [...this.world.gateways, ...this.world.services].map(async ({ name, role, url }) => {
        const use = (await (await fetch(`${url}/use`)).json()) as Omit<MemberUse, 'member' | 'role'>;
        return { ...use, member: name, role };
      }),
    );
  }
}

async function judge(
  world: World,
  history: string,
  effects: string,
  faults: readonly FaultRecord[],
  use: FaultReport['use'],
): Promise<Verdict> {
  const log = await withLog(world, (reading) => readWrittenLog(reading, world.topic));
  const violations = new Violations();
  checkUse(use.before, use.after, violations);
  for (const { fault, target, lies, recovered } of faults) {
    for (const lie of lies) violations.add('false', `${fault} (${target}): ${lie}`);
    if (recovered === undefined)
      violations.add('lost', `${fault} (${target}): not all was well again after it in time`);
  }
  return check({ history: readHistory(history), log, effects: readEffects(effects) }, violations);
}

async function withLog<T>({ brokers }: World, use: (log: KafkaMessageLog) => Promise<T>): Promise<T> {
  const log = new KafkaMessageLog(Object.assign(new KafkaOptions(), { brokers: brokers.split(',') }));
  await log.connect();
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}
