import { setImmediate as turn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { CommandAddress, type CommandContext, CommandHandler, Retry, type RetryOrder } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { fresh, openLog, request, startService } from './support/service.js';

const ORDERS: readonly RetryOrder[] = ['in-order', 'out-of-order'];
const PAUSE = 30_000;

/** A service that a test starts again and again, by a clock of the test's own; its second attempt ends with its process. */
async function house(order: RetryOrder) {
  const topic = fresh('early');
  @CommandAddress(topic, 'Work')
  class Work {}
  @CommandAddress(topic, 'Mark')
  class Mark {}
  const calls: number[] = [];
  @Injectable()
  class Worker {
    @CommandHandler(Work)
    @Retry({ order, attempts: 4, backoff: { first: PAUSE, factor: 1, jitter: 0 } })
    work(_: unknown, { attempt, signal }: CommandContext): Promise<number> | number {
      calls.push(attempt);
      if (attempt === 1) throw new Error('not yet');
      if (attempt === 2)
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('it ends'))));
      return attempt;
    }
    @CommandHandler(Mark)
    mark(): void {}
  }
  const clock = { now: Date.now() };
  const log = await openLog('memory');
  const options = { name: fresh('early-service'), drainTimeout: 20 };
  const start = (now: number) => {
    clock.now = now;
    return startService({ log, providers: [Worker], options, now: () => clock.now });
  };
  /** Whatever is due has begun by then, though not what is due a millisecond later. */
  const passed = async ({ follower }: Awaited<ReturnType<typeof start>>) => {
    const { requestId } = await request(log, topic, 'Mark', {}, { key: 'another' });
    await follower.outcome(requestId);
    for (let turns = 0; turns < 50; turns++) await turn();
  };
  return { topic, log, clock, calls, start, passed };
}

describe.each(ORDERS)('an attempt that is to be made %s by the next owner', (order) => {
  it('is not made a millisecond too early: after one that failed, nor after one whose process ended', async () => {
    const { topic, log, clock, calls, start, passed } = await house(order);
    const begun = clock.now;
    const first = await start(begun);
    const { requestId } = await request(log, topic, 'Work', {}, { crumbs: { others: { progress: '1' } } });
    await first.follower.next('progress', ({ headers }) => String(headers['ce_type']) === 'progress.Work');
    await first.runner.stop();

    const second = await start(begun + PAUSE - 1);
    await passed(second);
    expect(calls).toEqual([1]);
    clock.now = begun + PAUSE;
    await expect.poll(() => calls).toEqual([1, 2]);
    await second.runner.stop();

    const third = await start(begun + 2 * PAUSE - 1);
    await passed(third);
    expect(calls).toEqual([1, 2]);
    clock.now = begun + 2 * PAUSE;

    expect(await third.follower.outcome(requestId)).toEqual({ status: 'success', value: 3 });
    expect(calls).toEqual([1, 2, 3]);
  });
});
