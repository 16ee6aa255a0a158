import { Injectable, Logger } from '@nestjs/common';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import type { TimeoutScheduler } from '../lib/timeout/timeout.scheduler.js';
import { TIMEOUT_SCHEDULER } from '../lib/timeout/timeout.constants.js';
import type { Command } from '../lib/message/command.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import { RecordAges } from '../lib/service/dispatch/record.ages.js';
import { describeWithRedis } from './support/real.parts.js';
import { fresh, Gate, openLog, request, startService, type TestServiceOptions } from './support/service.js';
import { bullScheduler, DueTimeouts, redisOptions } from './support/timeouts.js';

/** A service that notes how late its handler started, by the right clock: that of the gateway which made the deadline. */
async function clockwork(given: Partial<TestServiceOptions> = {}) {
  const topic = fresh('tick');
  const gate = new Gate();
  /** Milliseconds after the deadline; negative: in time. */
  const starts: number[] = [];
  @CommandAddress(topic, 'Tick')
  class Tick {
    deadline!: number;
    hold?: boolean;
  }
  @Injectable()
  class Ticking {
    @CommandHandler(Tick)
    async tick({ data: { deadline, hold } }: Command<Tick>) {
      starts.push(Date.now() - deadline);
      if (hold) await gate.opened;
    }
  }
  const service = await startService({ providers: [Ticking], ...given });
  /** Sends commands whose deadlines lie so many milliseconds from now, and waits until each has its outcome. */
  const tick = async (...ttls: number[]) => {
    const sent = ttls.map((ttl) => {
      const deadline = Date.now() + ttl;
      return request(service.log, topic, 'Tick', { deadline }, { crumbs: { deadline } });
    });
    const outcomes = (await Promise.all(sent)).map(({ requestId }) => service.follower.outcome(requestId));
    return (await Promise.all(outcomes)).map(({ status }) => status);
  };
  return { ...service, topic, gate, starts, tick };
}

const [EXPIRED, DONE] = ['timeout', 'success'];

describe.each([6_000, -6_000])('a machine whose clock is wrong by %i ms', (wrong) => {
  describeWithRedis('and corrected by Redis', () => {
    beforeEach(() => Logger.overrideLogger(false));

    async function corrected(): Promise<TimeoutScheduler> {
      const scheduler = await bullScheduler(redisOptions(inject('redisUrl')), () => Date.now() + wrong);
      await scheduler.start('log', new DueTimeouts().take);
      return scheduler;
    }

    it('starts no handler after its deadline by more than twice the skew, and drops none that is in time', async () => {
      const scheduler = await corrected();
      const adapt: TestServiceOptions['adapt'] = (builder) =>
        builder.overrideProvider(TIMEOUT_SCHEDULER).useValue(scheduler);
      const { tick, starts, lines } = await clockwork({ adapt });

      const statuses = await tick(-5_000, -1_500, -1_000, 5_000, 30_000);

      expect(scheduler.clockSkew).toBeLessThan(500);
      expect(statuses).toEqual([EXPIRED, EXPIRED, EXPIRED, DONE, DONE]);
      expect(Math.max(...starts)).toBeLessThanOrEqual(2 * scheduler.clockSkew);
      expect(lines.filter((line) => line.includes('clock'))).toEqual([]); // whoever writes is not corrected, and need not be
    });
  });
});

describe('a machine whose clock nothing corrects', () => {
  const clockSkew = 1_000;

  it.each([1_000, -1_000])(
    'and which is wrong by no more than the skew (%i ms) keeps to twice the skew',
    async (wrong) => {
      const { tick, starts } = await clockwork({ now: () => Date.now() + wrong, clockSkew });

      const statuses = await tick(-2_500, -2_001, 3_000, 5_000);

      expect(statuses).toEqual([EXPIRED, EXPIRED, DONE, DONE]);
      expect(Math.max(...starts)).toBeLessThanOrEqual(2 * clockSkew);
    },
  );

  it('and which is 6 s behind starts handlers as much too late, and no later; the log warns of it', async () => {
    const { tick, starts, lines } = await clockwork({ now: () => Date.now() - 6_000, clockSkew });

    expect(await tick(-8_000, -5_000, 5_000)).toEqual([EXPIRED, DONE, DONE]);

    expect(Math.max(...starts)).toBeLessThanOrEqual(6_000 + clockSkew);
    expect(lines.filter((line) => line.includes('clock'))).toEqual([
      expect.stringMatching(
        /^warn KafkaSocketService A record came that was written \d+ ms from now by this machine's clock/,
      ),
    ]);
  });

  it('and which is 6 s ahead starts none too late: they expire unread; the log warns of it after a minute', async () => {
    let passed = 0;
    const { tick, starts, lines } = await clockwork({ now: () => Date.now() + 6_000 + passed, clockSkew });

    expect(await tick(4_000, 30_000)).toEqual([EXPIRED, DONE]);
    expect(lines.filter((line) => line.includes('clocks'))).toEqual([]);
    passed = 60_000;
    await tick(120_000);

    expect(Math.max(...starts)).toBeLessThan(0);
    expect(lines.filter((line) => line.includes('clocks'))).toEqual([
      expect.stringMatching(/^warn KafkaSocketService All records of the last minute were at least 6\d\d\d ms old/),
    ]);
  });
});

describe('a command that waits in the line of its key until its deadline is past', () => {
  it('is not started', async () => {
    const { tick, topic, log, gate, starts, follower } = await clockwork();
    const first = await request(log, topic, 'Tick', { deadline: 0, hold: true });
    await expect.poll(() => starts.length).toBe(1);
    const deadline = Date.now() + 50;
    const second = await request(log, topic, 'Tick', { deadline }, { crumbs: { deadline } });
    await expect.poll(() => Date.now(), { interval: 10 }).toBeGreaterThan(deadline);
    gate.open();

    expect(await follower.outcome(first.requestId)).toMatchObject({ status: DONE });
    expect(await follower.outcome(second.requestId)).toMatchObject({ status: EXPIRED });
    expect(await tick(5_000)).toEqual([DONE]);
    expect(starts).toHaveLength(2);
  });
});

describe('what the ages of records say of clocks', () => {
  function ages(clock: { clockSkew?: number; hasSharedClock?: boolean } = {}) {
    const lines: string[] = [];
    let now = 1_000_000;
    const judge = { clockSkew: 1_000, hasSharedClock: false, ...clock, now: () => now };
    const record = new RecordAges(judge, (line) => lines.push(line));
    return {
      lines,
      come: (age: number) => record.note({ timestamp: now - age }),
      pass: (time: number) => (now += time),
    };
  }

  it('is nothing while the smallest is within the skew, however old others are', () => {
    const { lines, come, pass } = ages();
    for (const age of [-1_000, 40_000, 5, 1_000, 3_000, 2_000]) {
      come(age);
      pass(30_000);
    }
    expect(lines).toEqual([]);
  });

  it('is told at once of the future, after a minute of the past, and each once in ten minutes', () => {
    const { lines, come, pass } = ages();
    come(-1_001);
    come(-5_000);
    expect(lines).toEqual([expect.stringContaining('1001 ms from now')]);
    pass(600_000);
    for (const age of [3_000, 1_500, 2_000]) {
      come(age);
      pass(30_000);
    }
    expect(lines.slice(1)).toEqual([expect.stringContaining('at least 1500 ms old')]);
    for (let i = 0; i < 10; i++) {
      come(2_000);
      pass(30_000);
    }
    expect(lines).toHaveLength(2);
  });

  it('is nothing where there is one clock: in one process, or with Redis', () => {
    for (const clock of [{ clockSkew: 0 }, { hasSharedClock: true }]) {
      const { lines, come } = ages(clock);
      come(-60_000);
      expect(lines).toEqual([]);
    }
  });

  it('is nothing of those that waited for the service before it came', async () => {
    const log = await openLog('memory');
    let passed = 0;
    const now = () => Date.now() + 30_000 + passed;
    const topic = fresh('tick');
    @CommandAddress(topic, 'Tick')
    class Tick {}
    @Injectable()
    class Ticking {
      @CommandHandler(Tick)
      tick() {}
    }
    await log.ensureTopics([topic]);
    await request(log, topic, 'Tick', {});
    const { follower, lines } = await startService({ log, providers: [Ticking], now, clockSkew: 1_000 });
    await follower.message('result.Tick');
    passed = 60_000;
    const { requestId } = await request(log, topic, 'Tick', {});
    await follower.outcome(requestId);

    expect(lines).toEqual([]);
  });
});
