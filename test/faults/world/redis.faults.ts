import { type FaultKind, nothing } from './fault.js';
import { membersOf, type World } from './world.js';

/** Its power is cut; it comes back empty. */
const killed: FaultKind = {
  name: 'Redis killed',
  takes: ['redis'],
  lasts: [1_000, 10_000],
  variants: 1,
  meet: ({ world: { redis } }) => ({
    target: 'Redis',
    inject: () => redis.kill(),
    heal: () => redis.restart(),
  }),
};

/** It forgets everything, while connections stay. */
const emptied: FaultKind = {
  name: 'Redis emptied',
  takes: ['redis'],
  lasts: [500, 2_000],
  variants: 1,
  meet: ({ world: { redis } }) => ({ target: 'Redis', inject: () => redis.empty(), heal: nothing }),
};

const DELAYS = [50, 300, 1_500];

/** Every answer takes longer, for all of them. */
const slow: FaultKind = {
  name: 'Redis slow',
  takes: ['redis'],
  lasts: [4_000, 10_000],
  variants: DELAYS.length,
  meet({ world }, variant) {
    const delay = DELAYS[variant]!;
    return {
      target: `Redis, ${delay} ms each way`,
      inject: async () => setDelay(world, delay),
      heal: async () => setDelay(world, 0),
    };
  },
};

export const REDIS_FAULTS: readonly FaultKind[] = [killed, emptied, slow];

function setDelay(world: World, delay: number): void {
  for (const { links } of membersOf(world)) links.redis.delay = delay;
}
