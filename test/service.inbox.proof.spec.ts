import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { expect, it, vi } from 'vitest';
import type { Assignment, MessageLog } from '../lib/log/message.log.js';
import { decodeEnvelope } from '../lib/message/cloud-events.codec.js';
import { CommandAddress } from '../lib/entity/command-address.decorator.js';
import { CommandHandler } from '../lib/service/declaration/command-handler.decorator.js';
import type { Inbox } from '../lib/service/inbox/inbox.js';
import { sharedInboxes } from './support/inboxes.js';
import { describeWithRedis } from './support/real.parts.js';
import { type Backend, BACKENDS, fresh, openLog, request, startService } from './support/service.js';

vi.setConfig({ testTimeout: 180_000 });

/** A real log takes longer, and adds its rebalances. */
const KAFKA: [Backend, number] = ['kafka', 1_000];

/** Keeps a group's commits to itself: whoever joins it later begins where the topic begins, as after a crash. */
class LostCommits {
  private readonly finished = new Map<number, bigint>();

  constructor(
    private readonly log: MessageLog,
    private readonly topic: string,
  ) {
    const consume = log.consume.bind(log);
    log.consume = (group, topics, member, signal) => {
      const seen = new Map<Assignment, Assignment>();
      const assigned = (given: Assignment) => {
        const { topic: name, partition, position, signal: owned } = given;
        const [pause, resume, flush] = [() => given.pause(), () => given.resume(), () => given.flush()];
        const commit = (next: bigint) => void this.finished.set(partition, next);
        const kept = { topic: name, partition, position, signal: owned, pause, resume, commit, flush };
        seen.set(given, kept);
        return member.assigned(kept);
      };
      return consume(
        group,
        topics,
        { assigned, batch: (given, batch) => member.batch(seen.get(given)!, batch) },
        signal,
      );
    };
  }

  /** Resolves when all that is in the topic is finished. */
  async caughtUp(): Promise<void> {
    const done = async () => {
      const held = await this.log.offsets(this.topic);
      return held.every(({ partition, end }) => (this.finished.get(partition) ?? 0n) >= end);
    };
    await vi.waitUntil(done, { timeout: 120_000, interval: 50 });
  }

  forget(): void {
    this.finished.clear();
  }
}

/**
 * Sends so many commands, a quarter of them twice in one partition and another quarter again in another one; has them handled
 * by one instance, joined by a second one meanwhile, and left by the first; then by two new ones that begin at the beginning.
 * @returns how often each command was carried out, and the ids of each request's results
 */
async function redelivered(count: number, inbox: () => Inbox | undefined, backend: Backend = 'memory') {
  const topic = fresh('proof');
  const effects = new Map<number, number>();
  @CommandAddress(topic, 'Pay')
  class Pay {
    number!: number;
  }
  @Injectable()
  class Paying {
    @CommandHandler(Pay)
    async pay({ data: { number } }: { data: Pay }) {
      effects.set(number, (effects.get(number) ?? 0) + 1);
      await new Promise((resolve) => setImmediate(resolve));
      return { number, random: randomUUID() }; // another one each time, so that a second run would show
    }
  }
  const log = await openLog(backend);
  await log.ensureTopics([topic]);
  const commits = new LostCommits(log, topic);
  // What would recognise repeated requests within a partition forgets at once: all depends on the inbox.
  const options = { name: fresh('proof'), window: 1, remembered: 2, drainTimeout: 500 };
  const start = () => startService({ log, providers: [Paying], inbox: inbox(), options });

  const one = await start();
  await sendAll(log, topic, count);
  const two = await start();
  await vi.waitUntil(() => effects.size > count / 2, { timeout: 60_000 });
  await one.runner.stop(); // in the middle of its work
  await commits.caughtUp();
  await two.runner.stop();
  commits.forget();
  const [three] = await Promise.all([start(), start()]);
  await commits.caughtUp();

  const { end } = (await log.offsets(topic)).reduce((sum, { end: next }) => ({ end: sum.end + next }), { end: 0n });
  await three.follower.next('all', () => BigInt(three.follower.records.length) >= end);
  return { effects, results: resultsOf(three.follower.ofType('result.Pay')) };
}

async function sendAll(log: MessageLog, topic: string, count: number): Promise<void> {
  const send = async (number: number, partition: number, crumbs: { requestId: string }) =>
    request(log, topic, 'Pay', { number }, { key: `key-${number % 500}`, partition, crumbs });
  const sent: Promise<unknown>[] = [];
  for (let number = 0; number < count; number++) {
    const crumbs = { requestId: randomUUID() };
    const partition = number % 3;
    sent.push(send(number, partition, crumbs));
    if (number % 4 === 0) sent.push(send(number, partition, crumbs));
    if (number % 4 === 1) sent.push(send(number, (partition + 1) % 3, crumbs));
    if (number % 200 === 0) await Promise.all(sent.splice(0));
  }
  await Promise.all(sent);
}

/** The ids of the results of each request. */
function resultsOf(records: readonly { headers: Parameters<typeof decodeEnvelope>[0] }[]): Map<string, Set<string>> {
  const results = new Map<string, Set<string>>();
  for (const { headers } of records) {
    const { id, breadCrumbs } = decodeEnvelope(headers);
    const ids = results.get(breadCrumbs.requestId!) ?? new Set();
    results.set(breadCrumbs.requestId!, ids.add(id));
  }
  return results;
}

describeWithRedis('commands that come again: repeated, after a rebalance, and all from the beginning', () => {
  it.each<[Backend, number]>([['memory', 10_000], ...(BACKENDS.includes('kafka') ? [KAFKA] : [])])(
    'have one effect each, and one result, with the inbox in Redis: on the %s log, %d of them',
    async (backend, count) => {
      const begun = performance.now();
      const { effects, results } = await redelivered(count, sharedInboxes('redis'), backend);

      const twice = [...effects.values()].filter((times) => times !== 1).length;
      const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
      console.log(
        `${count} commands on ${backend}, redelivered: ${effects.size} effects, ${twice} of them not once, in ${seconds} s`,
      );
      expect(effects.size).toBe(count);
      expect(twice).toBe(0);
      expect(results.size).toBe(count);
      expect([...results.values()].filter((ids) => ids.size !== 1)).toEqual([]);
    },
  );

  it('have more than one without', async () => {
    const { effects } = await redelivered(500, () => undefined);

    const times = [...effects.values()].reduce((sum, one) => sum + one, 0);
    console.log(`500 commands, redelivered without an inbox: ${times} effects`);
    expect(times).toBeGreaterThan(750);
  });
});
