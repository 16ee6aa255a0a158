import { Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import {
  CommandAddress,
  type CommandContext,
  CommandHandler,
  EventEntity,
  MemoryMessageLog,
  MessagePublisher,
  Retry,
} from 'nestjs-kafka-socket';
import { MemoryLogOptions } from '../lib/log/log.options.js';
import type { LogRecord } from '../lib/message/record.js';
import { ClaimInbox } from '../lib/service/inbox/claim.inbox.js';
import { MemoryClaimStore } from '../lib/service/inbox/memory.claim.store.js';
import { InboxOptions } from '../lib/service/inbox/inbox.options.js';
import { fresh, request, startService, type TestServiceOptions } from './support/service.js';
import { SinglePartition } from './support/single.partition.js';

const PAUSE = 200;

/** A service whose only partition comes and goes as a test says, and a handler that fails, hangs or succeeds. */
async function house(act: (attempt: number, signal: AbortSignal) => void | Promise<void>, attempts = 3) {
  const topic = fresh('owners');
  @CommandAddress(topic, 'Work')
  class Work {}
  @EventEntity(topic, 'Step')
  class Step {}
  const calls: { attempt: number; at: number }[] = [];
  @Injectable()
  class Worker {
    constructor(private readonly publisher: MessagePublisher) {}

    @CommandHandler(Work)
    @Retry({ attempts, backoff: { first: PAUSE, factor: 1, jitter: 0 } })
    async work(_: unknown, { attempt, signal }: CommandContext): Promise<number> {
      calls.push({ attempt, at: Date.now() });
      await this.publisher.event(Step, 'Made', {});
      await act(attempt, signal);
      return attempt;
    }
  }
  const log = new MemoryMessageLog(Object.assign(new MemoryLogOptions(), { partitions: 1 }));
  await log.connect();
  const partition = new SinglePartition(log, topic);
  const start = (given: Partial<TestServiceOptions> = {}) =>
    startService({ log, providers: [Worker], options: { drainTimeout: 50 }, ...given });
  const called = (count: number) => expect.poll(() => calls.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count);
  return { topic, log, partition, start, calls, called, attempts: () => calls.map(({ attempt }) => attempt) };
}

describe('a partition that is lost while a record of it backs off', () => {
  it('is gone on with by its next owner: with the right count, and not early', async () => {
    const { topic, log, partition, start, calls, called, attempts } = await house((attempt) => {
      if (attempt < 3) throw new Error('not yet');
    });
    await start();
    const { requestId } = await request(log, topic, 'Work', {});
    await partition.give();
    await called(1);
    await expect.poll(() => partition.note).toMatch(/^retry1 /);

    partition.lose();
    const next = await start();
    await partition.give();

    expect(await next.follower.outcome(requestId)).toEqual({ status: 'success', value: 3 });
    expect(attempts()).toEqual([1, 2, 3]);
    for (const [index, { at }] of calls.slice(1).entries()) expect(at - calls[index]!.at).toBeGreaterThanOrEqual(PAUSE);
    await expect.poll(() => partition.committed).toBeGreaterThan(0n);
    expect(partition.note).toBe('');
  });

  it('is counted from 1 where somebody else has committed it with a note of his own', async () => {
    const { topic, log, partition, start, called, attempts } = await house((attempt) => {
      if (attempt < 2) throw new Error('not yet');
    });
    await start();
    const { requestId } = await request(log, topic, 'Work', {});
    await partition.give();
    await called(1);
    await expect.poll(() => partition.note).toMatch(/^retry1 /);

    partition.lose();
    partition.note = 'retry1 of another make,,..,$';
    const next = await start();
    await partition.give();

    expect(await next.follower.outcome(requestId)).toEqual({ status: 'success', value: 2 });
    expect(attempts()).toEqual([1, 1, 2]);
  });
});

describe('a record that backs off', () => {
  it('has bytes of its own: it keeps nothing alive of what was fetched with it', async () => {
    const { topic, log, partition, start, called } = await house((attempt) => {
      if (attempt < 2) throw new Error('not yet');
    });
    const fetched: Buffer[] = [];
    const read = log.read.bind(log);
    const viewed = (record: LogRecord): LogRecord => {
      const value = Buffer.from(record.value!);
      fetched.push(value);
      return { ...record, value };
    };
    log.read = async function* (range, signal) {
      for await (const batch of read(range, signal)) yield { ...batch, records: batch.records.map(viewed) };
    };
    const { follower } = await start();
    const { requestId } = await request(log, topic, 'Work', {});
    await partition.give();
    await called(1);

    for (const bytes of fetched) bytes.fill(0);

    expect(await follower.outcome(requestId)).toEqual({ status: 'success', value: 2 });
  });
});

describe('a record that ends whoever handles it', () => {
  it('is given up after so many attempts, the first one of an unknown owner aside', async () => {
    const { topic, log, partition, start, called, attempts } = await house(() => new Promise(() => undefined), 2);
    await log.ensureTopics([topic]);
    const { requestId } = await request(log, topic, 'Work', {});
    for (let life = 1; life <= 2; life++) {
      await start();
      await partition.give();
      await called(life);
      partition.lose(); // as a death does: what the attempt comes to nobody hears
    }

    const last = await start();
    await partition.give();

    expect(await last.follower.outcome(requestId)).toMatchObject({ status: 'failed' });
    expect(await last.follower.deadLetter()).toMatchObject({ dlq_reason: 'failed', dlq_attempts: '2' });
    expect(attempts()).toEqual([1, 2]);
  });
});

describe('a record that ends whoever handles it, far behind another one', () => {
  it('is counted as well, however many lie between that are not ours', async () => {
    const { topic, log, partition, start, called, attempts } = await house(() => new Promise(() => undefined), 3);
    await log.ensureTopics([topic]);
    await request(log, topic, 'Work', {}, { key: 'a' });
    for (let n = 0; n < 4; n++) await request(log, topic, 'Elsewhere', {}, { key: 'c' });
    await request(log, topic, 'Work', {}, { key: 'b' });

    for (let life = 1; life <= 2; life++) {
      await start({ options: { drainTimeout: 50, maxUncommitted: 2 } });
      await partition.give();
      await called(2 * life);
      partition.lose();
    }

    expect(attempts()).toEqual([1, 1, 2, 2]);
  });
});

describe('retries with an inbox', () => {
  it('hold no claim over a pause, and publish nothing of what failed', async () => {
    const { topic, log, partition, start, calls, attempts } = await house((attempt) => {
      if (attempt < 3) throw new Error('not yet');
    });
    const store = new MemoryClaimStore(Object.assign(new InboxOptions(), { lease: 60_000, window: 60_000 }));
    const inbox = new ClaimInbox(store, Object.assign(new InboxOptions(), { lease: 60_000 }));
    const { follower } = await start({ inbox });

    const { requestId } = await request(log, topic, 'Work', {});
    await partition.give();

    expect(await follower.outcome(requestId)).toEqual({ status: 'success', value: 3 });
    expect(attempts()).toEqual([1, 2, 3]); // a claim that was held would have made the second wait for a minute
    expect(calls[2]!.at - calls[0]!.at).toBeLessThan(60_000);
    await follower.next('step', ({ headers }) => String(headers['ce_type']) === 'event.Step.Made');
    expect(follower.ofType('event.Step.Made')).toHaveLength(1);
  });
});
