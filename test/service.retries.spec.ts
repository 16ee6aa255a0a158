import { Injectable } from '@nestjs/common';
import { CommandAddress, CommandHandler, type CommandContext, Retry, type RetryOptions } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { BACKENDS, fresh, openLog, request, startService } from './support/service.js';

const FAST = { first: 60, factor: 1.5, maximum: 200, jitter: 0.2 };

/** A handler that fails as a test says, and what it was called with. */
function flaky(retry: RetryOptions, fail: (n: number, attempt: number) => void) {
  const topic = fresh('flaky');
  @CommandAddress(topic, 'Work')
  class Work {
    n!: number;
  }
  const calls: { n: number; attempt: number; at: number }[] = [];
  @Injectable()
  class Worker {
    @CommandHandler(Work)
    @Retry(retry)
    work({ data }: { data: Work }, context: CommandContext): number {
      calls.push({ n: data.n, attempt: context.attempt, at: Date.now() });
      fail(data.n, context.attempt);
      return data.n;
    }
  }
  const attemptsOf = (n: number) => calls.filter((call) => call.n === n).map(({ attempt }) => attempt);
  return { topic, Worker, calls, attemptsOf };
}

function untilAttempt(attempts: number, n?: number) {
  return (of: number, attempt: number): void => {
    if ((n === undefined || of === n) && attempt < attempts) throw new Error('not yet');
  };
}

for (const backend of BACKENDS) {
  describe.each(['in-order', 'out-of-order'] as const)(`a handler that is tried again %s (${backend})`, (order) => {
    it('is called until it succeeds, never early, and answered once', async () => {
      const { topic, Worker, calls } = flaky({ attempts: 5, order, backoff: FAST }, untilAttempt(4));
      const { log, follower } = await startService({ log: await openLog(backend), providers: [Worker] });

      const { requestId } = await request(log, topic, 'Work', { n: 1 });

      expect(await follower.outcome(requestId)).toEqual({ status: 'success', value: 1 });
      expect(calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
      const pauses = calls.slice(1).map(({ at }, index) => at - calls[index]!.at);
      for (const [index, shortest] of [60, 90, 135].entries()) expect(pauses[index]).toBeGreaterThanOrEqual(shortest);
    });

    it('is given up after the last attempt: one dead letter, one outcome', async () => {
      const { topic, Worker, calls } = flaky({ attempts: 3, order, backoff: FAST }, untilAttempt(99));
      const { log, follower } = await startService({ log: await openLog(backend), providers: [Worker] });

      const { requestId, at } = await request(log, topic, 'Work', { n: 1 });

      expect(await follower.outcome(requestId)).toMatchObject({ status: 'failed', code: 'INTERNAL' });
      expect(await follower.deadLetter()).toMatchObject({
        dlq_reason: 'failed',
        dlq_attempts: '3',
        dlq_topic: topic,
        dlq_offset: String(at.offset),
      });
      expect(follower.outcomes(requestId)).toHaveLength(1);
      expect(calls).toHaveLength(3);
    });
  });
}
