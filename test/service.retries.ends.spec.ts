import { Injectable } from '@nestjs/common';
import { IsInt } from 'class-validator';
import {
  CommandAddress,
  type CommandContext,
  CommandHandler,
  CommandRejectedError,
  type Event,
  EventEntity,
  type EventContext,
  EventHandler,
  Retry,
  type RetryOptions,
} from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { retryTopics } from '../lib/service/retry/retry.topic.js';
import { buildService, fresh, openLog, request, startService } from './support/service.js';

const BACKOFF = { first: 20, jitter: 0 };
const ORDERS = ['in-order', 'out-of-order'] as const;

/** A handler that throws what a test says, and how often it was called. */
function thrower(retry: RetryOptions, thrown: (attempt: number) => Error | undefined) {
  const topic = fresh('throw');
  @CommandAddress(topic, 'Work')
  class Work {
    @IsInt() n!: number;
  }
  const calls: number[] = [];
  @Injectable()
  class Worker {
    @CommandHandler(Work)
    @Retry({ backoff: BACKOFF, ...retry })
    work(_: unknown, { attempt }: CommandContext): void {
      calls.push(attempt);
      const error = thrown(attempt);
      if (error) throw error;
    }
  }
  return { topic, Worker, calls };
}

describe.each(ORDERS)('a handler that may be tried again %s', (order) => {
  it.each([
    ['rejected', { n: 1 }, new CommandRejectedError('NO', 'No.'), 1],
    ['invalid', { n: 'x' }, undefined, 0],
  ])('is not, where the command is %s', async (status, data, error, count) => {
    const { topic, Worker, calls } = thrower({ order }, () => error);
    const { log, follower } = await startService({ providers: [Worker] });

    const { requestId } = await request(log, topic, 'Work', data);

    expect(await follower.outcome(requestId)).toMatchObject({ status });
    expect(calls).toHaveLength(count);
    expect(follower.deadLetters).toEqual([]);
  });

  it.each([
    ['says no', () => false],
    [
      'throws itself',
      () => {
        throw new Error('a fault');
      },
    ],
  ])('is not, where "on" %s', async (_, on) => {
    const { topic, Worker, calls } = thrower({ order, on }, () => new Error('for good'));
    const { log, follower } = await startService({ providers: [Worker] });

    const { requestId } = await request(log, topic, 'Work', { n: 1 });

    expect(await follower.outcome(requestId)).toMatchObject({ status: 'failed' });
    expect(await follower.deadLetter()).toMatchObject({ dlq_attempts: '1' });
    expect(calls).toEqual([1]);
  });

  it('is given up at once where the next attempt would begin behind the deadline', async () => {
    const { topic, Worker, calls } = thrower({ order, backoff: { first: 30_000 } }, () => new Error('not now'));
    const { log, follower } = await startService({ providers: [Worker] });

    const { requestId } = await request(log, topic, 'Work', { n: 1 }, { crumbs: { deadline: Date.now() + 20_000 } });

    expect(await follower.outcome(requestId)).toMatchObject({ status: 'failed', code: 'INTERNAL' });
    expect(await follower.deadLetter()).toMatchObject({ dlq_reason: 'failed', dlq_attempts: '1' });
    expect(calls).toEqual([1]);
  });

  it('may handle events: each handler for itself, however late', async () => {
    const topic = fresh('events');
    @EventEntity(topic, 'Sale')
    class Sale {}
    const calls: string[] = [];
    @Injectable()
    class Listener {
      @EventHandler(Sale, 'Made')
      @Retry({ attempts: 3, order, backoff: BACKOFF })
      flaky(_: Event<Sale>, { attempt }: EventContext): void {
        calls.push(`flaky ${attempt}`);
        if (attempt < 3) throw new Error('not yet');
      }
      @EventHandler(Sale, 'Made')
      @Retry({ attempts: 2, order, backoff: BACKOFF })
      hopeless(_: Event<Sale>, { attempt }: EventContext): void {
        calls.push(`hopeless ${attempt}`);
        throw new Error('never');
      }
      @EventHandler(Sale, 'Made')
      steady(): void {
        calls.push('steady');
      }
    }
    const { publisher, follower } = await startService({ providers: [Listener] });

    await publisher.event(Sale, 'Made', {});

    expect(await follower.deadLetter()).toMatchObject({ dlq_handler: 'Listener.hopeless', dlq_attempts: '2' });
    await expect
      .poll(() => [...calls].sort())
      .toEqual(
        ['flaky 1', 'flaky 2', 'flaky 3', 'hopeless 1', 'hopeless 2', 'steady'], // each of them once
      );
  });
});

describe('a @Retry that cannot work', () => {
  it('is refused at the start, with all that is wrong', async () => {
    @CommandAddress('refused', 'Work')
    class Work {}
    const wrong = {
      attempts: 1,
      backoff: { first: 0, jitter: 2 },
      order: 'sideways',
      retries: 3,
    } as unknown as RetryOptions;
    @Injectable()
    class Worker {
      @CommandHandler(Work)
      @Retry(wrong)
      @Retry({ attempts: undefined, backoff: { factor: undefined } })
      work(): void {}
      @Retry()
      alone(): void {}
    }
    const { runner } = await buildService({ providers: [Worker] });

    const problems = [
      /Worker\.work: @Retry has no option "retries"/,
      /attempts: 1\. It is a whole number from 2 to 100/,
      /backoff\.first: 0/,
      /backoff\.jitter: 2/,
      /order: "sideways"/,
      /Worker\.work has @Retry 2 times/,
      /Worker\.alone has @Retry, but handles no message/,
    ];
    for (const problem of problems) expect(() => runner.explore()).toThrow(problem);
  });
});

describe('a record of a retry topic', () => {
  it('that nobody can read, that is a copy, or whose method is gone, stops nothing', async () => {
    const { topic, Worker, calls } = thrower({ order: 'out-of-order', attempts: 3 }, () => undefined);
    const log = await openLog('memory');
    const { follower } = await startService({ log, providers: [Worker], options: { name: 'forged' } });
    const [seconds] = retryTopics('forged') as [string];
    const { at, requestId } = await request(log, topic, 'Nobody', { n: 1 });
    const place = { retry_topic: topic, retry_partition: String(at.partition), retry_offset: String(at.offset) };
    const remarks = { ...place, retry_due: '1', retry_attempts: '2', retry_time: '1', retry_handler: 'Gone.away' };
    const write = (headers: Record<string, string>) =>
      log.publish({ topic: seconds, partition: 0, key: null, value: '{"n":1}', headers });

    await write({ retry_due: 'tomorrow' });
    await write({ ...remarks, retry_offset: '-1' });
    await write({ ...remarks, ce_type: 'command.Work' });
    await write({ ...remarks, ce_type: 'event.Sale.Made' });
    const { headers } =
      follower.ofType('command.Nobody')[0] ?? (await follower.next('it', (one) => one.offset === at.offset));
    const texts = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    for (let copy = 0; copy < 3; copy++)
      await write({ ...texts, ...remarks, retry_handler: 'Worker.work', ce_type: 'command.Work' });

    expect(await follower.outcome(requestId)).toMatchObject({ status: 'success' });
    expect(calls).toEqual([3]);
    expect(follower.deadLetters.length).toBeLessThanOrEqual(2); // the undecodable, and the one whose method is gone
  });
});
