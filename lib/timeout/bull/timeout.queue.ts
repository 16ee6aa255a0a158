import { BullModule, type BullModuleOptions, getQueueToken } from '@nestjs/bull';
import type { LazyModuleLoader } from '@nestjs/core';
import type { JobOptions, Queue } from 'bull';
import { within } from '../bounded.wait.js';
import { retryDelay } from '../retry.delay.js';
import type { RedisOptions } from '../timeout.options.js';
import type { Waiting } from '../waiting.js';
import { TooEarlyError } from './too-early.error.js';

/** How long Redis may take to say goodbye, in milliseconds; then connections are cut. */
const CLOSE_LIMIT = 2_000;
/** Stands in every job, so it must not change between releases. */
export const BACKOFF = 'timeout';

/** How every time-out is kept in Redis. */
export const TIMEOUT_JOB: JobOptions = {
  attempts: 60, // with the pauses of retryDelay: about 25 minutes
  backoff: { type: BACKOFF },
  removeOnComplete: true,
  removeOnFail: { age: 24 * 60 * 60, count: 1_000 }, // seconds; so that someone can look, and retry
  stackTraceLimit: 1,
};

/**
 * Registers a queue with Nest. Its name holds the log's name, which is known only once the log was reached; by then the
 * application's modules are built, so this one is loaded late.
 */
export async function registerQueue<W extends Waiting>(
  modules: LazyModuleLoader,
  options: RedisOptions,
  name: string,
): Promise<Queue<W>> {
  const module = await modules.load(() => BullModule.registerQueue({ name, ...queueOptions(options) }), {
    logger: false,
  });
  return module.get<Queue<W>>(getQueueToken(name), { strict: true });
}

/**
 * Closes a queue within a bounded time, whatever state Redis is in. Jobs that run must be over: Bull would wait for them too,
 * but where Redis is away it then leaves a rejection that nobody handles, which ends the process.
 */
export async function closeQueue(queue: Queue): Promise<void> {
  await within(queue.close(true), CLOSE_LIMIT, () => new Error()).catch(() => undefined);
  for (const client of queue.clients) client.disconnect();
}

function queueOptions(options: RedisOptions): BullModuleOptions {
  return {
    prefix: options.prefix,
    // An application may have queues of its own, and what it sets for all of them (BullModule.forRoot) is merged under this.
    url: undefined,
    createClient: undefined,
    limiter: undefined,
    metrics: undefined,
    defaultJobOptions: undefined,
    redis: {
      host: options.host,
      port: options.port,
      username: options.username,
      password: options.password,
      db: options.db,
      tls: options.tls,
      connectTimeout: 3_000,
      keepAlive: 10_000,
      retryStrategy: () => 500 + Math.random() * 1_000, // for ever; spread, because all processes lose Redis at once
      reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false), // a replica now: find the new primary, ask it again
    },
    settings: {
      // A process that dies, or loses its connection, while it publishes leaves its jobs locked; others take them over after lock
      // and two checks: within 9 s. Each check is one script for all processes, over the jobs that run.
      lockDuration: 5_000,
      stalledInterval: 2_000,
      maxStalledCount: Number.MAX_SAFE_INTEGER, // Bull drops a job that stalled more often, and ours cannot be to blame
      guardInterval: 1_000, // a wake-up that pub/sub lost comes this late
      retryProcessDelay: 1_000,
      backoffStrategies: {
        [BACKOFF]: (failures: number, error: Error) =>
          error instanceof TooEarlyError ? error.remaining : retryDelay(failures),
      },
    },
  };
}
