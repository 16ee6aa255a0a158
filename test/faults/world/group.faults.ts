import { setTimeout as pause } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { type FaultKind, nothing } from './fault.js';
import { ClusterAdmin } from './kafka.admin.js';
import type { World } from './world.js';

/** How long a stranger stays in the group, and how long it stays away, in milliseconds. */
const STAY = 1_000;
const AWAY = 2_000;

/** Keys of requests that are sent from then on lie elsewhere: the order holds within each partition. */
const partitionsAdded: FaultKind = {
  name: 'partition added',
  takes: ['group'],
  lasts: [0, 1_000],
  variants: 1,
  meet({ world: { brokers, topic } }) {
    const inject = () => new ClusterAdmin(brokers).addPartition(topic);
    return { target: topic, inject, heal: nothing };
  },
};

/** A stranger joins the services' group and leaves it, over and over. What it is given is handled by nobody while it is there. */
const rebalances: FaultKind = {
  name: 'rebalances',
  takes: ['group'],
  lasts: [12_000, 18_000],
  variants: 1,
  meet({ world }) {
    const ending = new AbortController();
    let coming: Promise<void> = Promise.resolve();
    let visits = 0;
    const onVisit = (): void => void visits++;
    return {
      target: `${world.topic}-service`,
      inject: async () => void (coming = comeAndGo(world, onVisit, ending.signal)),
      took: () => visits > 0,
      async heal() {
        ending.abort();
        await coming;
      },
    };
  },
};

export const GROUP_FAULTS: readonly FaultKind[] = [partitionsAdded, rebalances];

/** @param onVisit told whenever the group has let it in */
async function comeAndGo({ brokers, topic }: World, onVisit: () => void, signal: AbortSignal): Promise<void> {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING });
  // One that starts itself anew does so after its disconnect as well, and would hold partitions for the rest of the run.
  const retry = { retries: 3, restartOnFailure: async () => false };
  const forA = (time: number) => pause(time, undefined, { signal }).catch(() => undefined);
  while (!signal.aborted) {
    const groupId = `${topic}-service`;
    const consumer = kafka.consumer({ groupId, sessionTimeout: 6_000, heartbeatInterval: 500, retry });
    consumer.on(consumer.events.GROUP_JOIN, onVisit);
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [topic] });
      await consumer.run({ autoCommit: false, eachBatch: nothing });
      await forA(STAY);
    } catch {
      // A broker is away as well: it comes again later.
    } finally {
      await consumer.disconnect().catch(() => undefined);
    }
    await forA(AWAY);
  }
}
