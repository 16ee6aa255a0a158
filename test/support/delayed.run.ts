import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { CommandAddress, type KafkaSocketError, KafkaSocketHealth, MessagePublisher } from 'nestjs-kafka-socket';
import { inject, onTestFinished, vi } from 'vitest';
import { decodeEnvelope } from '../../lib/message/cloud-events.codec.js';
import { messageTypeOf } from '../../lib/message/message.type.js';
import type { LogRecord } from '../../lib/message/record.js';
import { headerText } from '../../lib/message/record.headers.js';
import { startApp } from './app.js';
import { freePorts } from './free.ports.js';
import { RedisServer } from './redis.server.js';
import { openLog } from './service.js';
import { ServerProcess } from './server.process.js';
import { TemporaryDirectory } from './temporary.directory.js';

const MEMBER = fileURLToPath(new URL('./delayed.member.mjs', import.meta.url));
/** When the first ones are due: time to schedule so many a millisecond; and over how long they spread, in milliseconds. */
const LEAD = 1_500;
const SCHEDULED = 2;
const SPREAD = 6_000;
/** Nothing is broken before that, so that it is seen how late they are without. Part of the spread. */
const QUIET = 0.4;
/** How often all clients of Redis are cut off then, and the pause before each time: they come back within 1.5 s. In milliseconds. */
const WAVES = 3;
const PAUSE = 2_000;
/** Longer than the jobs of a process that died wait for another one, in milliseconds. */
const PATIENCE = 40_000;
/** One in so many is taken back again. */
const CANCELLED = 20;

/** How a run ended. */
export interface DelayedReport {
  readonly faults: readonly string[];
  /** Commands that were taken back for certain. */
  readonly cancelled: ReadonlySet<number>;
  /** Commands of which nobody knows whether they were taken back: Redis was cut off before it had answered. */
  readonly doubtful: ReadonlySet<number>;
  /** How often each command took effect. */
  readonly effects: ReadonlyMap<number, number>;
  /** How late each effect was, in milliseconds by Redis's clock, sorted. */
  readonly lateness: readonly number[];
  /** How late each command was in the log, in milliseconds, sorted: of those due while nothing was broken, and of the others. */
  readonly published: { readonly quiet: readonly number[]; readonly broken: readonly number[] };
  /** How often a handler was called, and how many records the log holds of commands that it holds already. */
  readonly calls: number;
  readonly doubles: number;
}

/** Two services in processes of their own, which are killed and stopped, on a Redis whose clients are cut off again and again. */
export async function delayedRun(commands: number): Promise<DelayedReport> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const topic = `delayed-${randomUUID()}`;
  const port = Number(new URL(redis.url).port);
  const services = await startServices(topic, port);
  const outside = new Redis({ host: '127.0.0.1', port });
  outside.on('error', () => undefined);
  onTestFinished(() => outside.disconnect());

  const faults: string[] = [];
  const ending = new AbortController();
  const begin = Date.now() + LEAD + commands / SCHEDULED;
  const breaking = breakThings(outside, services, begin, ending.signal, (fault) => faults.push(fault));
  const { cancelled, doubtful } = await scheduleAll(topic, port, commands, begin);
  await settled(outside, commands - cancelled.size - doubtful.size, doubtful);
  ending.abort();
  await breaking;
  return { faults, cancelled, doubtful, ...(await judge(outside, topic, begin + SPREAD * QUIET)) };
}

/** Resolves when so many took effect, or none has for long: what is missing then is for the caller to say. */
async function settled(redis: Redis, expected: number, doubtful: ReadonlySet<number>): Promise<void> {
  let known = -1;
  for (let since = Date.now(); Date.now() - since < PATIENCE; await pause(500)) {
    const count = (await entries(redis)).filter(([n]) => !doubtful.has(n)).length;
    if (count >= expected) return;
    if (count > known) [known, since] = [count, Date.now()];
  }
}

async function startServices(topic: string, redisPort: number): Promise<ServerProcess[]> {
  const directory = new TemporaryDirectory('delayed');
  onTestFinished(() => directory.remove());
  const environment = { TOPIC: topic, KAFKA_BROKERS: inject('kafkaBrokers'), REDIS_PORT: redisPort };
  const services = (await freePorts(2)).map((port, index) => {
    const variables = Object.entries({ ...environment, PORT: port }).map(([name, value]) => `${name}=${value}`);
    return new ServerProcess({
      name: `service ${index}`,
      command: 'env',
      args: [...variables, process.execPath, MEMBER],
      logFile: join(directory.path, `${index}.log`),
      isReady: async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok,
    });
  });
  onTestFinished(async () => void (await Promise.all(services.map((service) => service.kill()))));
  await Promise.all(services.map((service) => service.start()));
  return services;
}

/** Cuts all clients of Redis off, once while they are scheduled, then in waves, and kills one service, then stops the other; each comes back at once. */
async function breakThings(
  redis: Redis,
  [one, other]: ServerProcess[],
  begin: number,
  signal: AbortSignal,
  note: (fault: string) => void,
): Promise<void> {
  const until = (milliseconds: number) => pause(milliseconds, undefined, { signal }).catch(() => undefined);
  const cutOff = async () => {
    for (const type of ['normal', 'pubsub']) await redis.client('KILL', 'TYPE', type, 'SKIPME', 'yes').catch(() => 0);
    note('Redis cut off');
  };
  const waves = async () => {
    for (let wave = 0; wave < WAVES && !signal.aborted; wave++) {
      await cutOff();
      await until(PAUSE);
    }
  };
  const services = async () => {
    note('service killed');
    await one!.kill();
    await one!.start();
    note('service stopped');
    await other!.stop();
    await other!.start();
  };
  await until(300);
  await cutOff();
  await until(begin + SPREAD * QUIET - Date.now());
  await Promise.all([waves(), services()]);
}

/** Schedules all of them from a process without handlers, whatever becomes of its connection; takes some of them back. */
async function scheduleAll(
  topic: string,
  port: number,
  commands: number,
  begin: number,
): Promise<Pick<DelayedReport, 'cancelled' | 'doubtful'>> {
  @CommandAddress(topic, 'Close')
  class Close {
    n!: number;
  }
  const { app } = await startApp({
    service: topic,
    kafka: { brokers: inject('kafkaBrokers').split(',') },
    redis: { host: '127.0.0.1', port },
  });
  const publisher = app.get(MessagePublisher);
  const health = app.get(KafkaSocketHealth);
  const persist = async <T>(act: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (!(error as KafkaSocketError).temporary) throw error;
        await vi.waitUntil(() => health.check().details.timeouts === 'up', { timeout: 20_000, interval: 20 });
      }
    }
  };
  const cancelled = new Set<number>();
  const doubtful = new Set<number>();
  const told = (n: number) => (certain: boolean) => void (certain && cancelled.add(n));
  let next = 0;
  const scheduleOn = async (): Promise<void> => {
    for (let n = next++; n < commands; n = next++) {
      const options = { at: begin + (((n * 7_919 * SPREAD) / commands) % SPREAD), id: String(n), key: String(n) };
      await persist(() => publisher.sendLater(Close, { n }, options));
      // Only the first answer counts: when asked again, what was taken back is gone.
      if (n % CANCELLED === 0) await publisher.cancelLater(String(n)).then(told(n), () => doubtful.add(n));
    }
  };
  await Promise.all(Array.from({ length: 200 }, scheduleOn));
  return { cancelled, doubtful };
}

async function effectsIn(redis: Redis): Promise<Map<number, number>> {
  const effects = new Map<number, number>();
  for (const [n] of await entries(redis)) effects.set(n, (effects.get(n) ?? 0) + 1);
  return effects;
}

async function entries(redis: Redis): Promise<[n: number, late: number][]> {
  const texts = await redis.lrange('effects', 0, -1);
  return texts.map((text) => text.split(' ').map(Number) as [number, number]);
}

async function judge(
  redis: Redis,
  topic: string,
  brokenFrom: number,
): Promise<Omit<DelayedReport, 'faults' | 'cancelled' | 'doubtful'>> {
  const written = new Map<string, LogRecord>();
  let doubles = 0;
  const log = await openLog('kafka');
  for (const { partition, start: from, end: to } of await log.offsets(topic)) {
    for await (const { records } of log.read({ topic, partition, from, to }))
      for (const record of records) {
        if (messageTypeOf(record.headers)?.kind !== 'command') continue;
        const id = headerText(record.headers['ce_id'])!;
        if (written.has(id)) doubles++;
        else written.set(id, record);
      }
  }
  const all = await entries(redis);
  return {
    effects: await effectsIn(redis),
    lateness: all.map(([, late]) => late).sort((a, b) => a - b),
    calls: Number(await redis.get('calls')),
    published: latenessIn([...written.values()], brokenFrom),
    doubles,
  };
}

function latenessIn(records: readonly LogRecord[], brokenFrom: number): DelayedReport['published'] {
  const quiet: number[] = [];
  const broken: number[] = [];
  for (const { headers, timestamp } of records) {
    const { due } = decodeEnvelope(headers).breadCrumbs;
    // What was due in the last moment before may have been on its way when things broke.
    (due! < brokenFrom - 500 ? quiet : broken).push(timestamp - due!);
  }
  return { quiet: quiet.sort((a, b) => a - b), broken: broken.sort((a, b) => a - b) };
}
