import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject, onTestFinished, vi } from 'vitest';
import { openLog, fresh, request } from './service.js';
import { LogFollower } from './log.follower.js';
import { ServerProcess } from './server.process.js';
import { TemporaryDirectory } from './temporary.directory.js';

const MEMBER = fileURLToPath(new URL('./retry.member.mjs', import.meta.url));

/** One call of a handler, as the process wrote it down before it did anything else. */
export interface Call {
  readonly name: string;
  readonly n: string;
  readonly attempt: number;
  readonly at: number;
}

/** A service with `@Retry` on Kafka, in a process of its own. */
export async function retryHouse(pause: number) {
  const [topic, directory] = [fresh('retry'), new TemporaryDirectory('retry')];
  const calls = join(directory.path, 'calls');
  const log = await openLog('kafka');
  await log.ensureTopics([topic, `${topic}.dlq`]);
  const variables = { TOPIC: topic, CALLS: calls, PAUSE: pause, KAFKA_BROKERS: inject('kafkaBrokers') };
  const read = (): Call[] =>
    existsSync(calls) ? readFileSync(calls, 'utf8').split('\n').filter(Boolean).map(callOf) : [];
  let starts = 0;
  const service = new ServerProcess({
    name: 'service',
    command: 'env',
    args: [...Object.entries(variables).map(([name, value]) => `${name}=${value}`), process.execPath, MEMBER],
    logFile: join(directory.path, 'log'),
    isReady: () => Promise.resolve(read().filter(({ name }) => name === 'ready').length >= starts),
  });
  onTestFinished(async () => {
    await service.kill();
    directory.remove();
  });
  const of = (name: string, n: number): Call[] => read().filter((call) => call.name === name && call.n === String(n));
  return {
    topic,
    log,
    service,
    of,
    follower: await LogFollower.follow(log, [topic, `${topic}.dlq`]),
    start: () => {
      starts++;
      return service.start();
    },
    send: (name: string, data: { n: number; failures?: number }, key: string) =>
      request(log, topic, name, { failures: 0, ...data }, { key, partition: 0 }),
    until: (name: string, n: number, attempt: number) =>
      vi.waitUntil(() => of(name, n).some((call) => call.attempt === attempt), { timeout: 40_000, interval: 5 }),
  };
}

function callOf(line: string): Call {
  const [name, n, attempt, at] = line.split(' ') as [string, string, string, string];
  return { name, n, attempt: Number(attempt), at: Number(at) };
}
