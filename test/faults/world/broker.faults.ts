import type { FaultKind } from './fault.js';
import { ClusterAdmin } from './kafka.admin.js';
import type { World } from './world.js';

const BROKERS = 3;

/** Power lost, and back. */
const killed: FaultKind = {
  name: 'broker killed',
  takes: ['broker'],
  lasts: [2_000, 10_000],
  variants: BROKERS,
  meet({ world }, variant) {
    const broker = world.kafka.brokers[variant]!;
    return { target: nameOf(variant), inject: () => broker.kill(), heal: () => broker.start() };
  },
};

/** Neither alive nor dead: its connections are open, and nothing comes from it; longer than its session, so that others take over. */
const frozen: FaultKind = {
  name: 'broker frozen',
  takes: ['broker'],
  lasts: [6_000, 15_000],
  variants: BROKERS,
  meet({ world }, variant) {
    const broker = world.kafka.brokers[variant]!;
    return {
      target: nameOf(variant),
      inject: async () => broker.freeze(),
      heal: async () => broker.thaw(),
    };
  },
};

/** The broker that leads the controllers ends in good order, so that another one leads them. */
const controllerMoved: FaultKind = {
  name: 'controller moved',
  takes: ['broker'],
  lasts: [1_000, 3_000],
  variants: 1,
  meet({ world }) {
    const controller = world.kafka.controller;
    return {
      target: controller.address,
      inject: () => controller.stop(),
      heal: () => controller.start(),
      took: () => world.kafka.controller !== controller,
    };
  },
};

/**
 * Every write of one broker to a file fails, by a limit of its process instead of a disk: so it needs no root and no mount, and to Kafka it
 * is the same exception. Its metadata are on the same "disk", as by default, so it ends at once, as Kafka does then: what clients see is
 * mostly a broker that is gone, and hardly ever `KAFKA_STORAGE_ERROR`. Writes that living brokers refuse are the next fault.
 */
const diskFull: FaultKind = {
  name: 'disk full',
  takes: ['broker'],
  lasts: [3_000, 8_000],
  variants: BROKERS,
  meet({ world }, variant) {
    const broker = world.kafka.brokers[variant]!;
    let hasEnded = false;
    return {
      target: nameOf(variant),
      inject: async () => broker.fillDisk(),
      async heal() {
        hasEnded = !broker.isRunning; // one that had nothing to write is still there
        await broker.kill();
        await broker.start();
      },
      took: () => hasEnded,
    };
  },
};

/**
 * Two brokers live and answer every write to the topic with `NOT_ENOUGH_REPLICAS`, for as long as it lasts: it wants three copies, and one
 * broker is gone. Reads and commits of offsets go on.
 */
const writesRefused: FaultKind = {
  name: 'writes refused',
  takes: ['broker'],
  lasts: [8_000, 14_000],
  variants: BROKERS,
  meet({ world }, variant) {
    const broker = world.kafka.brokers[variant]!;
    return {
      target: nameOf(variant),
      async inject() {
        await setInSync(world, 3);
        await broker.kill();
      },
      async heal() {
        await setInSync(world, 2);
        await broker.start();
      },
    };
  },
};

export const BROKER_FAULTS: readonly FaultKind[] = [killed, frozen, controllerMoved, diskFull, writesRefused];

function nameOf(variant: number): string {
  return `broker ${variant + 1}`;
}

function setInSync({ brokers, topic }: World, copies: number): Promise<void> {
  return new ClusterAdmin(brokers).alterTopic(topic, { 'min.insync.replicas': String(copies) });
}
