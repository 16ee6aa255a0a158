import { Injectable } from '@nestjs/common';
import { CommandAddress, type CommandContext, CommandHandler, Retry, type RetryOrder } from 'nestjs-kafka-socket';
import { describe, expect, it } from 'vitest';
import { ClaimInbox } from '../lib/service/inbox/claim.inbox.js';
import { InboxOptions } from '../lib/service/inbox/inbox.options.js';
import { MemoryClaimStore } from '../lib/service/inbox/memory.claim.store.js';
import { mortal } from './support/mortal.log.js';
import { fresh, openLog, request, startService } from './support/service.js';

const ORDERS: readonly RetryOrder[] = ['in-order', 'out-of-order'];

/** A command that fails as often as it says, and once more the marker that comes behind all else. */
function house(order: RetryOrder, attempts = 3) {
  const topic = fresh('answered');
  @CommandAddress(topic, 'Work')
  class Work {
    failures!: number;
  }
  const calls: string[] = [];
  @Injectable()
  class Worker {
    @CommandHandler(Work)
    @Retry({ attempts, order, backoff: { first: 50, factor: 1, jitter: 0 } })
    work({ data }: { data: Work }, { attempt, message }: CommandContext): number {
      calls.push(`${message.breadCrumbs.requestId} ${attempt}`);
      if (attempt <= data.failures) throw new Error('not yet');
      return attempt;
    }
  }
  const attemptsAt = (requestId: string) =>
    calls.filter((one) => one.startsWith(requestId)).map((one) => Number(one.split(' ')[1]));
  return { topic, Worker, attemptsAt, options: { name: fresh('answered-service') } };
}

describe.each(ORDERS)(
  'a command that was tried again %s, and answered by a service that ended before its commit',
  (order) => {
    it('is not carried out again by the next owner', async () => {
      const { topic, Worker, attemptsAt, options } = house(order);
      const log = await openLog('memory');
      const doomed = mortal(log);
      const first = await startService({ log: doomed.log, providers: [Worker], options });
      const { requestId } = await request(log, topic, 'Work', { failures: 1 }, { key: 'a', partition: 0 });
      await first.follower.outcome(requestId);
      await doomed.die(first.runner);

      const next = await startService({ log, providers: [Worker], options });
      const marker = await request(log, topic, 'Work', { failures: 2 }, { key: 'b', partition: 0 });

      expect(await next.follower.outcome(marker.requestId)).toEqual({ status: 'success', value: 3 });
      expect(attemptsAt(requestId)).toEqual([1, 2]);
      expect(next.follower.outcomes(requestId)).toHaveLength(1);
    });

    it('has the true number of attempts on its dead letter, where its inbox kept that it failed', async () => {
      const { topic, Worker, attemptsAt, options } = house(order);
      const store = new MemoryClaimStore(Object.assign(new InboxOptions(), { lease: 60_000, window: 60_000 }));
      const inbox = new ClaimInbox(store, Object.assign(new InboxOptions(), { lease: 60_000 }));
      const log = await openLog('memory');
      const doomed = mortal(log);
      const first = await startService({ log: doomed.log, providers: [Worker], options, inbox });
      const { requestId } = await request(log, topic, 'Work', { failures: 9 }, { key: 'a', partition: 0 });
      await first.follower.outcome(requestId);
      await doomed.die(first.runner);

      const next = await startService({ log, providers: [Worker], options, inbox });

      await expect
        .poll(() => next.follower.deadLetters.map((one) => String(one.headers['dlq_attempts'])))
        .toContain('3');
      expect(next.follower.deadLetters.every(({ headers }) => String(headers['dlq_attempts']) === '3')).toBe(true);
      expect(attemptsAt(requestId)).toEqual([1, 2, 3]);
    });
  },
);
