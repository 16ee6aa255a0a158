import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { LazyModuleLoader, NestFactory } from '@nestjs/core';
import Bull from 'bull';
import { BullTimeoutScheduler } from '../lib/timeout/bull/bull.timeout.scheduler.js';
import { RedisOptions } from '../lib/timeout/timeout.options.js';
import type { Timeout } from '../lib/timeout/timeout.scheduler.js';
import type { BenchCase, BenchSite } from './bench.case.js';
import { now } from './support/clock.js';
import { eventRecord } from './support/event.record.js';
import type { Figure } from './support/figure.js';
import { interleave } from './support/interleave.js';
import { percentile } from './support/percentiles.js';
import { Turns } from './support/turns.js';

/** Commands that wait for Redis at the same time, on both sides. */
const IN_FLIGHT = 1_000;
/** Deadlines that are far enough off not to come in the way, in milliseconds. */
const FAR = 600_000;
/** Time-outs that are woken to see how late: from so many milliseconds on, spread over so many. */
const DUE_FROM = 500;
const DUE_WITHIN = 2_000;

/** What both sides can do. */
interface Side {
  arm(timeout: Timeout): Promise<unknown>;
  disarm(timeout: Timeout): Promise<unknown>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Set while lateness is measured. */
  onDue: (timeout: Timeout) => void;
  stop(): Promise<unknown>;
}

interface Rates {
  /** A second. */
  readonly armed: number;
  readonly disarmed: number;
}

interface Lateness {
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** The time-outs of requests in Redis, beside the same jobs in Bull with nothing around it. */
export const timeout: BenchCase = {
  name: 'timeout',
  needs: ['redis'],

  async run({ quick, redisUrl, tell }: BenchSite): Promise<Figure[]> {
    const [count, due] = quick ? [4_000, 500] : [10_000, 2_000];
    const ours = await ourScheduler(redisUrl);
    const floor = bareBull(redisUrl);
    const sides = <S>(rounds: number, measure: (side: Side) => Promise<S>) =>
      interleave<S, 'ours' | 'floor'>(rounds, { ours: () => measure(ours), floor: () => measure(floor) });
    try {
      tell(`${count} armed and disarmed`);
      const rates = await sides(quick ? 5 : 9, (side) => ratesOf(side, count));
      tell(`${due} woken`);
      const late = await sides(quick ? 2 : 5, (side) => latenessOf(side, due));
      return figures(rates, late);
    } finally {
      await Promise.all([ours.stop(), floor.stop()]);
    }
  },
};

type Both<S> = Readonly<Record<'ours' | 'floor', readonly S[]>>;

function figures(rates: Both<Rates>, late: Both<Lateness>): Figure[] {
  const both = <S>({ ours, floor }: Both<S>, of: (sample: S) => number) => ({
    ours: ours.map(of),
    floor: floor.map(of),
  });
  const armed = both(rates, (sample) => sample.armed);
  const disarmed = both(rates, (sample) => sample.disarmed);
  return [
    { metric: 'arm', unit: 'time-outs/s', ...armed, goal: { of: 'floor', atLeast: 0.8 } },
    { metric: 'arm, as it is', unit: 'time-outs/s', ...armed, goal: { of: 'ours', atLeast: 10_000 } },
    { metric: 'disarm', unit: 'time-outs/s', ...disarmed, goal: { of: 'floor', atLeast: 0.8 } },
    // The same bound the other way round: no more than 1/0.8 of what Bull needs.
    { metric: 'lateness, p50', unit: 'ms', ...both(late, ({ p50 }) => p50), goal: { of: 'floor', atMost: 1.25 } },
    { metric: 'lateness, p99', unit: 'ms', ...both(late, ({ p99 }) => p99), goal: { of: 'floor', atMost: 1.25 } },
    {
      metric: 'lateness, p99, as it is',
      unit: 'ms',
      ...both(late, ({ p99 }) => p99),
      goal: { of: 'ours', atMost: 25 },
    },
  ];
}

async function ratesOf(side: Side, count: number): Promise<Rates> {
  const far = Array.from({ length: count }, () => timeoutAt(side.now() + FAR));
  const armed = await rate(far, (one) => side.arm(one));
  const disarmed = await rate(far, (one) => side.disarm(one));
  return { armed, disarmed };
}

async function rate(timeouts: readonly Timeout[], send: (timeout: Timeout) => Promise<unknown>): Promise<number> {
  const turns = new Turns(IN_FLIGHT);
  const begin = now();
  await Promise.all(timeouts.map((one) => turns.run(() => send(one))));
  return (timeouts.length * 1_000) / (now() - begin);
}

/** How long after their deadlines they come. Few a millisecond, as in life: thousands due at once are another question. */
async function latenessOf(side: Side, count: number): Promise<Lateness> {
  const begin = side.now() + DUE_FROM;
  const timeouts = Array.from({ length: count }, () => timeoutAt(begin + Math.floor(Math.random() * DUE_WITHIN)));
  const late: number[] = [];
  const all = new Promise<void>((resolve) => {
    side.onDue = ({ deadline }) => {
      late.push(side.now() - deadline);
      if (late.length === count) resolve();
    };
  });
  await Promise.all(timeouts.map((one) => side.arm(one)));
  await all;
  await pause(50); // in which Redis hears what came of the last ones
  return { p50: percentile(late, 0.5), p99: percentile(late, 0.99) };
}

function timeoutAt(deadline: number): Timeout {
  const id = createHash('sha256').update(randomUUID()).digest('hex');
  const { key, headers } = eventRecord(7);
  return { id, deadline, record: { topic: 'auction', partition: 0, key, value: '{"status":"timeout"}', headers } };
}

@Module({})
class Application {}

async function ourScheduler(url: string): Promise<Side> {
  const { hostname: host, port, username, password } = new URL(url);
  const place = { host, port: Number(port || 6379), username: username || undefined, password: password || undefined };
  const options = Object.assign(new RedisOptions(), place, { prefix: `bench-${randomUUID()}` });
  const app = await NestFactory.createApplicationContext(Application, { logger: ['error', 'warn'] });
  const scheduler = new BullTimeoutScheduler(options, app.get(LazyModuleLoader));
  const side: Side = {
    arm: (one) => scheduler.arm(one),
    disarm: ({ id }) => scheduler.disarm(id),
    now: () => scheduler.now(),
    onDue: () => undefined,
    stop: async () => {
      await scheduler.stop();
      await app.close();
    },
  };
  await scheduler.start('bench', (one) => Promise.resolve(side.onDue(one as Timeout)));
  return side;
}

/** Bull at its best: jobs are kept, since one that has to be fetched first takes twice as long to remove. */
function bareBull(url: string): Side {
  const { concurrency } = new RedisOptions();
  const queue = new Bull<Timeout>('timeouts', url, { prefix: `bench-${randomUUID()}` });
  const jobs = new Map<string, Bull.Job<Timeout>>();
  const side: Side = {
    arm: async (one) => {
      const delay = one.deadline - Date.now();
      jobs.set(one.id, await queue.add(one, { jobId: one.id, delay, removeOnComplete: true, attempts: 60 }));
    },
    disarm: async ({ id }) => {
      await jobs.get(id)!.remove();
      jobs.delete(id);
    },
    now: Date.now,
    onDue: () => undefined,
    stop: () => queue.close(),
  };
  void queue.process(concurrency, (job) => Promise.resolve(side.onDue(job.data)));
  return side;
}
