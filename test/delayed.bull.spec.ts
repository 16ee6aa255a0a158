import { Logger } from '@nestjs/common';
import { KafkaSocketHealth, MessagePublisher } from 'nestjs-kafka-socket';
import { beforeEach, expect, inject, it, onTestFinished } from 'vitest';
import Bull from 'bull';
import { MemoryMessageLog } from '../lib/log/memory/memory.message.log.js';
import type { OutgoingRecord } from '../lib/message/record.js';
import { headerText } from '../lib/message/record.headers.js';
import type { RedisOptions } from '../lib/timeout/timeout.options.js';
import { startApp } from './support/app.js';
import { closingLots } from './support/closing.lots.js';
import { delayedUntil } from './support/delays.js';
import { describeWithRedis } from './support/real.parts.js';
import { Gate, request } from './support/service.js';
import { bullScheduler, collectLogs, DueTimeouts, redisOptions, timeoutAt } from './support/timeouts.js';

describeWithRedis('delayed commands in Redis', () => {
  let options: RedisOptions;
  beforeEach(() => {
    Logger.overrideLogger(false);
    options = redisOptions(inject('redisUrl'));
  });

  it('are carried out once where a job runs again that was published and not completed', async () => {
    const lots = closingLots();
    const log = new HangingLog();
    const { host, port, prefix } = options;
    const { app } = await startApp({ log, redis: { host, port, prefix } }, [lots.Lots]);
    expect(app.get(KafkaSocketHealth).check().details.timeouts).toBe('up');

    await app.get(MessagePublisher).sendLater(lots.CloseLot, { lot: 7 }, { after: 0, key: 'lot-7' });
    await expect.poll(() => lots.closed.length).toBe(1);
    const { id } = lots.closed[0]!.context.message;
    await takeAway(delayedQueue(log.clusterId), id);
    await expect.poll(() => log.written(id)).toBe(2);
    const last = await request(log, lots.topic, 'CloseLot', { lot: 8 }, { key: 'lot-7' });
    await expect.poll(() => lots.closed.map(({ lot }) => lot)).toEqual([7, 8]);

    expect(last.at.partition).toBe(await log.partitionFor(lots.topic, 'lot-7'));
    log.gate.open();
  });

  it('leave nothing in Redis, published or cancelled, but slots that end by themselves', async () => {
    const due = new DueTimeouts();
    const scheduler = await bullScheduler(options);
    await scheduler.start('log', due.take);
    const published = delayedUntil(scheduler.now());
    const cancelled = delayedUntil(scheduler.now() + 60_000);

    for (const one of [published, cancelled]) await scheduler.schedule(one);
    await due.next(published);
    await scheduler.cancel(cancelled.slot);

    const { client } = delayedQueue('log');
    const left = async () =>
      (await client.keys(`${options.prefix}:delayed.log:*-*`)).filter((key) => !/:(slot:.*|stalled-check)$/.test(key));
    await expect.poll(left).toEqual([]);
    expect(await client.exists(`${options.prefix}:delayed.log:slot:${cancelled.slot}`)).toBe(0);
    const remaining = await client.pttl(`${options.prefix}:delayed.log:slot:${published.slot}`);
    expect(remaining).toBeGreaterThan(0);
    expect(remaining).toBeLessThanOrEqual(60_000);
  });

  it('leave nothing in Redis either where it forgot them while they were being published', async () => {
    const gate = new Gate();
    const due = new DueTimeouts();
    const scheduler = await bullScheduler(options);
    await scheduler.start('log', (waiting) => due.take(waiting).then(() => gate.opened));
    const delayed = delayedUntil(scheduler.now());
    const timeout = timeoutAt(scheduler.now());
    await scheduler.schedule(delayed);
    await scheduler.arm(timeout);
    await due.count(2);

    const { client } = delayedQueue('log');
    const jobs = async () => (await client.keys(`${options.prefix}:*`)).filter((key) => /:[\w-]{30,}$/.test(key));
    expect(await client.del(...(await client.keys(`${options.prefix}:*`)))).toBeGreaterThan(2);
    gate.open();

    await expect.poll(() => scheduler.schedule(delayed)).toMatchObject({ state: 'new' });
    await due.count(3);
    await expect.poll(async () => (await jobs()).filter((key) => !key.includes(':slot:'))).toEqual([]);
  });

  it('survive the process that scheduled them', async () => {
    const due = new DueTimeouts();
    const [first, second] = [await bullScheduler(options), await bullScheduler(options)];
    await first.start('log', due.take);
    const delayed = delayedUntil(first.now() + 500);
    await first.schedule(delayed);
    await first.stop();
    expect(due.seen).toEqual([]);
    await second.start('log', due.take);
    expect(await due.next(delayed)).toEqual(delayed);
  });

  it('are not told from what a later release may have written, which is kept, and said', async () => {
    const lines = collectLogs();
    const scheduler = await bullScheduler(options);
    await scheduler.start('log', new DueTimeouts().take);

    const queue = delayedQueue('log');
    await queue.add({ of: 'another kind' }, { jobId: 'unknown' });

    await expect.poll(() => lines).toContainEqual(expect.stringMatching(/^error: .*unknown.* is not one/));
    expect(await (await queue.getJob('unknown'))!.isFailed()).toBe(true);
  });

  it('go by a slot and a score that Bull itself would have written', async () => {
    const scheduler = await bullScheduler(options);
    await scheduler.start('log', new DueTimeouts().take);
    const delayed = delayedUntil(Date.now() + 400 * 24 * 3_600_000); // longer than a Node timer can
    await scheduler.schedule(delayed);

    const job = (await delayedQueue('log').getJob(delayed.id))!;
    expect(await job.isDelayed()).toBe(true);
    expect(job.data).toEqual(delayed);
    const delay = await delayedQueue('log').client.hget(`${options.prefix}:delayed.log:${delayed.id}`, 'delay');
    expect(job.timestamp + Number(delay)).toBe(delayed.deadline);
    const score = Number(await delayedQueue('log').client.zscore(`${options.prefix}:delayed.log:delayed`, delayed.id));
    expect(Math.floor(score / 4096)).toBe(delayed.deadline);
  });

  /** The queue seen from outside, without a worker. */
  function delayedQueue(namespace: string): Bull.Queue<unknown> {
    const { host, port, password, prefix } = options;
    const queue = new Bull(`delayed.${namespace}`, { prefix, redis: { host, port, password } });
    onTestFinished(() => queue.close());
    return queue;
  }

  /** What becomes of a job whose worker died: it is to be run again. */
  async function takeAway(queue: Bull.Queue, id: string): Promise<void> {
    await queue.isReady();
    expect(await queue.client.lrem(queue.toKey('active'), 1, id)).toBe(1);
    await queue.client.rpush(queue.toKey('wait'), id);
  }
});

/** A log that has the first delayed command, and whose acknowledgement does not come. */
class HangingLog extends MemoryMessageLog {
  readonly gate = new Gate();
  private readonly ids: string[] = [];

  written(id: string): number {
    return this.ids.filter((one) => one === id).length;
  }

  override async publish(record: OutgoingRecord): ReturnType<MemoryMessageLog['publish']> {
    const place = await super.publish(record);
    this.ids.push(headerText(record.headers['ce_id']) ?? '');
    const isFirst = headerText(record.headers['ce_breadcrumbs'])?.includes('due=') && this.ids.length === 1;
    if (isFirst) await this.gate.opened;
    return place;
  }
}
