import { randomUUID } from 'node:crypto';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import {
  type Command,
  CommandAddress,
  type CommandContext,
  CommandHandler,
  MessagePublisher,
} from 'nestjs-kafka-socket';
import { describe, expect, inject, it } from 'vitest';
import { MemoryMessageLog } from '../lib/log/memory/memory.message.log.js';
import { shared, startApp } from './support/app.js';
import { LogFollower } from './support/log.follower.js';
import { describeWithKafka, describeWithRedis } from './support/real.parts.js';
import { fresh } from './support/service.js';
import { collectLogs, redisOptions } from './support/timeouts.js';

/** A service that has something done each second from its start on, and says when that was due. */
function tidying() {
  const topic = fresh('tidy');
  const due: number[] = [];

  @CommandAddress(topic, 'TidyUp')
  class TidyUp {}

  @Injectable()
  class Tidying implements OnApplicationBootstrap {
    constructor(private readonly publisher: MessagePublisher) {}

    async onApplicationBootstrap(): Promise<void> {
      await this.publisher.sendEvery(TidyUp, {}, { every: 1_000, id: 'tidy-up', replace: true });
    }

    @CommandHandler(TidyUp)
    tidy(_command: Command<TidyUp>, { message }: CommandContext): void {
      due.push(message.breadCrumbs.due!);
    }
  }
  return { topic, due, TidyUp, Tidying };
}

describeWithRedis('a recurrence that each of two services declares while it starts', () => {
  it('comes once at each time, from either, until one of them ends it', async () => {
    const log = new MemoryMessageLog();
    const { host, port, username, password, prefix } = redisOptions(inject('redisUrl'));
    const redis = { host, port, prefix, ...(username && { username }), ...(password && { password }) };
    const both = { log, redis, service: `tidying-${randomUUID()}` };
    const { topic, due, Tidying } = tidying();
    await startApp(both, [Tidying]);
    const other = await startApp(both, [Tidying]);
    const follower = await LogFollower.follow(log, [topic]);
    const publisher = other.app.get(MessagePublisher);

    await expect.poll(() => due.length, { timeout: 8_000 }).toBeGreaterThanOrEqual(3);
    await publisher.cancelLater('tidy-up');
    const ended = due.length;
    expect(await publisher.cancelLater('tidy-up')).toBe(false);

    const written = new Set(follower.ofType('command.TidyUp').map(({ headers }) => String(headers['ce_id'])));
    expect(due.map((at) => at - due[0]!)).toEqual(due.map((_, n) => n * 1_000));
    expect(written.size).toBe(ended);
  });
});

describeWithKafka('what is scheduled where there is Kafka and no Redis', () => {
  it('is said once to be lost with the process', async () => {
    const { TidyUp } = tidying();
    const { app } = await startApp(shared('kafka'));
    const lines = collectLogs();
    const publisher = app.get(MessagePublisher);
    await publisher.sendEvery(TidyUp, {}, { every: 3_600_000, id: 'hourly' });
    await publisher.sendLater(TidyUp, {}, { after: 60_000 });
    expect(lines).toEqual([expect.stringMatching(/^warn: .* are lost where it ends .*"redis"/)]);
  });
});

describe('what is scheduled on the embedded log', () => {
  it('is lost with all the rest, so nothing is said', async () => {
    const { TidyUp } = tidying();
    const { app } = await startApp({});
    const lines = collectLogs();
    expect(await app.get(MessagePublisher).sendLater(TidyUp, {}, { after: 60_000 })).toMatchObject({ state: 'new' });
    expect(lines).toEqual([]);
  });
});
