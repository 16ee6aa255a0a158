import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Verdict } from '../history/checker.js';
import { Violations } from '../history/violation.js';
import { LoadedWorld, type LoadPlan } from '../loaded.world.js';
import { sample, type Sample } from './sample.js';

export interface SoakPlan extends LoadPlan {
  /** How long the load lasts, in milliseconds. */
  readonly lasts: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

export interface SoakReport {
  readonly samples: readonly Sample[];
  readonly verdict: Verdict;
}

const BETWEEN = 10_000;

/** A steady load without faults, and what all processes hold meanwhile. */
export async function soakRun(plan: SoakPlan): Promise<SoakReport> {
  const loaded = await LoadedWorld.open(plan);
  const redis = new Redis(loaded.world.redis.url);
  try {
    const samples = await loaded.load(false, () => watch(loaded, redis, plan));
    return { samples, verdict: await loaded.judge(new Violations()) };
  } finally {
    redis.disconnect();
    await loaded.close();
  }
}

async function watch(loaded: LoadedWorld, redis: Redis, { lasts, signal, tell }: SoakPlan): Promise<Sample[]> {
  const begin = performance.now();
  const samples: Sample[] = [];
  for (let due = begin + BETWEEN; due <= begin + lasts && !signal.aborted; due += BETWEEN) {
    await pause(Math.max(0, due - performance.now()), undefined, { signal }).catch(() => undefined);
    const taken = await sample(loaded, redis, begin);
    samples.push(taken);
    const heap = taken.members.map(({ heap: bytes }) => (bytes / 1_048_576).toFixed(0)).join(' ');
    tell(`heap ${heap} MiB, ${taken.redisKeys} keys in Redis, lag ${taken.lag}`);
  }
  return samples;
}
