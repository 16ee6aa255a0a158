import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { Injectable } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';
import type { Assignment } from '../lib/log/message.log.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { CommitWatermark } from '../lib/service/dispatch/commit.watermark.js';
import { OrderedQueue } from '../lib/service/dispatch/ordered.queue.js';
import { OwnedPartition } from '../lib/service/dispatch/owned.partition.js';
import { BACKENDS, fresh, Gate, openLog, request, startService } from './support/service.js';

/** A service that holds the records it is told to hold. */
function working(heldUntil: Record<string, Gate> = {}) {
  const topic = fresh('work');
  const begun: string[] = [];
  const ended: string[] = [];
  @CommandAddress(topic, 'Work')
  class Work {
    name!: string;
  }
  @Injectable()
  class Working {
    @CommandHandler(Work)
    async work({ data: { name } }: { data: Work }) {
      begun.push(name);
      await heldUntil[name]?.opened;
      ended.push(name);
      return name;
    }
  }
  return { topic, Working, begun, ended };
}

describe.each(BACKENDS)('records on the %s log', (backend) => {
  it('of one key come one after the other, while other keys go on', async () => {
    const gate = new Gate();
    const { topic, Working, begun } = working({ a1: gate });
    const log = await openLog(backend);
    const service = await startService({ log, providers: [Working] });

    const a1 = await request(log, topic, 'Work', { name: 'a1' }, { key: 'a' });
    const a2 = await request(log, topic, 'Work', { name: 'a2' }, { key: 'a' });
    const a3 = await request(log, topic, 'Work', { name: 'a3' }, { key: 'a' });
    const others = [];
    for (const name of ['b', 'c', 'd', 'e']) others.push(await request(log, topic, 'Work', { name }, { key: name }));

    for (const { requestId } of others) await service.follower.outcome(requestId);
    expect(begun).toContain('a1');
    expect(begun).not.toContain('a2');
    gate.open();
    for (const { requestId } of [a1, a2, a3]) await service.follower.outcome(requestId);
    expect(begun.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
  });
});

describe('records without a key', () => {
  it('wait for nobody', async () => {
    const gate = new Gate();
    const { topic, Working } = working({ slow: gate });
    const service = await startService({ providers: [Working] });

    await request(service.log, topic, 'Work', { name: 'slow' }, { key: null });
    const quick = await request(service.log, topic, 'Work', { name: 'quick' }, { key: null });

    expect(await service.follower.outcome(quick.requestId)).toMatchObject({ value: 'quick' });
    gate.open();
  });
});

describe('the number of records at work', () => {
  it('is bounded, and a key that waits takes no place from others', async () => {
    const [one, two] = [new Gate(), new Gate()];
    const { topic, Working, begun } = working({ a1: one, b1: two });
    const service = await startService({ providers: [Working], options: { concurrency: 2 } });

    await request(service.log, topic, 'Work', { name: 'a1' }, { key: 'a' });
    await request(service.log, topic, 'Work', { name: 'a2' }, { key: 'a' });
    await request(service.log, topic, 'Work', { name: 'b1' }, { key: 'b' });
    await vi.waitUntil(() => begun.length === 2);
    const c1 = await request(service.log, topic, 'Work', { name: 'c1' }, { key: 'c' });
    const c2 = await request(service.log, topic, 'Work', { name: 'c2' }, { key: 'c' });
    // What another reader has seen, this one has been given too.
    await service.follower.next(
      'c2',
      ({ offset, partition }) => offset === c2.at.offset && partition === c2.at.partition,
    );
    expect([...begun].sort()).toEqual(['a1', 'b1']);

    two.open();
    await service.follower.outcome(c1.requestId);
    expect(begun).not.toContain('a2');
    one.open();
  });
});

describe('a queue', () => {
  it('keeps every lane in order and never runs more than it may, whatever comes in', async () => {
    const jobs = fc.array(fc.record({ lane: fc.nat(6), turns: fc.nat(3) }), {
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(jobs, fc.integer({ min: 1, max: 5 }), async (given, concurrency) => {
        const queue = new OrderedQueue(concurrency);
        const running = new Set<number>();
        const done: number[] = [];
        given.forEach(({ lane, turns }, index) =>
          queue.add(String(lane), async () => {
            running.add(index);
            expect(running.size).toBeLessThanOrEqual(concurrency);
            const together = [...running].filter((other) => given[other]!.lane === lane);
            expect(together.length).toBeLessThanOrEqual(1);
            for (let i = 0; i < turns; i++) await turn();
            running.delete(index);
            done.push(index);
          }),
        );
        while (done.length < given.length) await turn();
        for (const lane of new Set(given.map((one) => one.lane))) {
          const order = done.filter((index) => given[index]!.lane === lane);
          expect(order).toEqual([...order].sort((a, b) => a - b));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('drops what waits when it stops, and waits for what runs', async () => {
    const queue = new OrderedQueue(1);
    const gate = new Gate();
    const ran: string[] = [];
    queue.add('a', async () => {
      await gate.opened;
      ran.push('running');
    });
    queue.add('a', async () => void ran.push('same lane'));
    queue.add('b', async () => void ran.push('waiting'));
    const stopped = queue.stop();
    queue.add('c', async () => void ran.push('too late'));
    gate.open();
    await stopped;
    await turn();
    expect(ran).toEqual(['running']);
  });
});

describe('commits', () => {
  /** An assignment that writes down what it is told. */
  function scripted(position: bigint) {
    const commits: bigint[] = [];
    const flow: string[] = [];
    const lost = new AbortController();
    const assignment: Assignment = {
      topic: 'work',
      partition: 0,
      position,
      signal: lost.signal,
      commit: (next) => void commits.push(next),
      flush: () => Promise.resolve(),
      pause: () => void flow.push('pause'),
      resume: () => void flow.push('resume'),
    };
    return { assignment, commits, flow, lost };
  }

  it('never pass an unfinished record, and reach the end once all are finished', async () => {
    const records = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }).chain((ours) =>
      fc.record({
        ours: fc.constant(ours),
        order: fc.shuffledSubarray([...ours.keys()], { minLength: ours.length }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(records, async ({ ours, order }) => {
        const { assignment, commits } = scripted(0n);
        const partition = new OwnedPartition(assignment, new CommitWatermark(assignment.position), 1_000);
        ours.forEach((handled, offset) => handled && partition.begin(BigInt(offset)));
        partition.passed(BigInt(ours.length));
        const unfinished = new Set(order.filter((offset) => ours[offset]));
        for (const offset of order.filter((one) => ours[one])) {
          partition.finish(BigInt(offset));
          unfinished.delete(offset);
          partition.commit();
          for (const open of unfinished) expect(commits.at(-1) ?? 0n).toBeLessThanOrEqual(BigInt(open));
        }
        partition.commit();
        expect(commits.at(-1)).toBe(BigInt(ours.length));
        expect(commits).toEqual([...new Set(commits)]); // each once, and never back
      }),
      { numRuns: 100 },
    );
  });

  it('come once for all that ends in one turn', async () => {
    const { assignment, commits } = scripted(5n);
    const partition = new OwnedPartition(assignment, new CommitWatermark(assignment.position), 1_000);
    for (let offset = 5n; offset < 105n; offset++) partition.begin(offset);
    partition.passed(105n);
    for (let offset = 104n; offset >= 5n; offset--) partition.finish(offset);
    await turn();
    expect(commits).toEqual([105n]);
  });

  it('stop where the partition is lost', async () => {
    const { assignment, commits, lost } = scripted(0n);
    const partition = new OwnedPartition(assignment, new CommitWatermark(assignment.position), 1_000);
    partition.begin(0n);
    lost.abort();
    partition.finish(0n);
    partition.passed(1n);
    await turn();
    expect(commits).toEqual([]);
    expect(partition.signal.reason).toMatchObject({ code: 'handling_aborted', reason: 'partition_lost' });
  });

  it('that lag too far behind pause the partition, until half of it is worked off', () => {
    const { assignment, flow } = scripted(0n);
    const partition = new OwnedPartition(assignment, new CommitWatermark(assignment.position), 4);
    for (const offset of [0n, 1n, 2n, 3n]) partition.begin(offset);
    partition.passed(4n);
    expect(flow).toEqual(['pause']);
    for (const offset of [1n, 2n, 3n]) partition.finish(offset);
    expect(flow).toEqual(['pause']); // the first is not finished, so none of them can be committed
    partition.finish(0n);
    expect(flow).toEqual(['pause', 'resume']);
  });
});
