import { Redis } from 'ioredis';
import type { MemberUse } from '../history/use.check.js';
import type { LoadedWorld } from '../loaded.world.js';

/** What all processes hold at one moment. */
export interface Sample {
  /** Seconds since the load began. */
  readonly second: number;
  readonly members: readonly MemberUse[];
  readonly redisKeys: number;
  /** Bytes. */
  readonly redisMemory: number;
  /** Records that the services have not committed. */
  readonly lag: number;
}

/** Asks all of them. */
export async function sample(loaded: LoadedWorld, redis: Redis, begin: number): Promise<Sample> {
  const [members, redisKeys, memory, lag] = await Promise.all([
    loaded.use(),
    redis.dbsize(),
    redis.info('memory'),
    loaded.lag(),
  ]);
  const second = Math.round((performance.now() - begin) / 1_000);
  const redisMemory = Number(/used_memory:(\d+)/.exec(memory)?.[1]);
  return { second, members, redisKeys, redisMemory, lag };
}
