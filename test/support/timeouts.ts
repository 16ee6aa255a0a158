import { createHash, randomUUID } from 'node:crypto';
import { Logger, Module } from '@nestjs/common';
import { LazyModuleLoader, NestFactory } from '@nestjs/core';
import Bull from 'bull';
import { onTestFinished } from 'vitest';
import { BullTimeoutScheduler } from '../../lib/timeout/bull/bull.timeout.scheduler.js';
import { RedisOptions } from '../../lib/timeout/timeout.options.js';
import type { Timeout } from '../../lib/timeout/timeout.scheduler.js';
import type { OnDue, Waiting } from '../../lib/timeout/waiting.js';

/** A time-out that is due at a deadline, with all that a record can hold. */
export function timeoutAt(deadline: number): Timeout {
  const id = createHash('sha256').update(randomUUID()).digest('hex');
  const headers = {
    ce_id: randomUUID(),
    ce_type: 'result.PlaceBid',
    ce_breadcrumbs: `timeout=${id};user=%7B%22sub%22%3A%22Zoë%22%7D`,
  };
  const value = JSON.stringify({ status: 'timeout', message: 'Zu spät – 遅い 🕰' });
  return { id, deadline, record: { topic: 'auction', partition: 3, key: 'schlüssel', value, headers } };
}

/** Takes what is due, remembers it in order, and lets a test wait for it. */
export class DueTimeouts {
  readonly seen: Waiting[] = [];
  private readonly waiting = new Set<() => void>();

  readonly take: OnDue = async (timeout) => {
    this.seen.push(timeout);
    for (const check of this.waiting) check();
  };

  get ids(): string[] {
    return this.seen.map(({ id }) => id);
  }

  /** Waits for a time-out. */
  async next<W extends Waiting>({ id }: W): Promise<W> {
    await this.until(() => this.ids.includes(id));
    return this.seen.find((timeout) => timeout.id === id) as W;
  }

  /** Waits for so many. */
  async count(number: number): Promise<void> {
    await this.until(() => this.seen.length >= number);
  }

  private until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!condition()) return;
        this.waiting.delete(check);
        resolve();
      };
      this.waiting.add(check);
      check();
    });
  }
}

/** What redis.server.ts's URL means as options; the keys of each test are its own. */
export function redisOptions(url: string, options: Partial<RedisOptions> = {}): RedisOptions {
  const { hostname, port, username, password } = new URL(url);
  const place = {
    host: hostname,
    port: Number(port || 6379),
    username: username || undefined,
    password: password || undefined,
  };
  return Object.assign(new RedisOptions(), place, { prefix: `test-${randomUUID()}` }, options);
}

/** A Bull scheduler within a real application, not started yet. Both stop when the test ends. */
export async function bullScheduler(options: RedisOptions, localTime?: () => number): Promise<BullTimeoutScheduler> {
  const app = await NestFactory.createApplicationContext(Application);
  const scheduler = new BullTimeoutScheduler(options, app.get(LazyModuleLoader), localTime);
  onTestFinished(async () => {
    await scheduler.stop();
    await app.close();
  });
  return scheduler;
}

@Module({})
class Application {}

/** The same queue seen from outside, without a worker, to look into it and to break it. */
export function outsideQueue(options: RedisOptions, namespace: string): Bull.Queue<unknown> {
  const { host, port, password } = options;
  const queue = new Bull(`timeouts.${namespace}`, { prefix: options.prefix, redis: { host, port, password } });
  onTestFinished(() => queue.close());
  return queue;
}

/** Collects what is logged about time-outs until the test ends, as `level: message`. Call it before anything is started. */
export function collectLogs(): string[] {
  const lines: string[] = [];
  const at = (level: string) => (message: unknown, context?: unknown) => {
    if (context === 'Timeouts') lines.push(`${level}: ${String(message)}`);
  };
  Logger.overrideLogger({
    log: at('log'),
    warn: at('warn'),
    error: (message, _stack, context) => at('error')(message, context),
  });
  onTestFinished(() => void Logger.overrideLogger(false));
  return lines;
}
