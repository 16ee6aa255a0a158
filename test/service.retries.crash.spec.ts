import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeWithKafka } from './support/real.parts.js';
import { type Call, retryHouse } from './support/retry.house.js';

/** Between two attempts, in milliseconds. */
const PAUSE = 1_500;
const KEYS = 20;

describeWithKafka('retries of a service that is killed in the middle of a back-off', () => {
  it('go on where they were: attempts exact, none early, and nobody else hindered', { timeout: 120_000 }, async () => {
    const house = await retryHouse(PAUSE);
    await house.start();
    const first = [await house.send('InOrder', { n: 1, failures: 3 }, 'a'), await house.send('InOrder', { n: 2 }, 'a')];
    first.push(
      await house.send('OutOfOrder', { n: 1, failures: 3 }, 'b'),
      await house.send('OutOfOrder', { n: 2 }, 'b'),
    );
    await Promise.all([house.until('InOrder', 1, 1), house.until('OutOfOrder', 1, 1)]);
    const delays = await others(house);

    const cut = [await house.send('InOrder', { n: 3, failures: 3 }, 'c')];
    cut.push(await house.send('OutOfOrder', { n: 3, failures: 3 }, 'd'));
    await Promise.all([house.until('InOrder', 3, 2), house.until('OutOfOrder', 3, 2)]);
    await house.service.kill();
    for (const name of ['InOrder', 'OutOfOrder']) expect(attempts(house.of(name, 3))).toEqual([1, 2]);
    await house.start();

    for (const { requestId } of [...first, ...cut])
      expect(await house.follower.outcome(requestId)).toMatchObject({ status: 'success' });
    for (const name of ['InOrder', 'OutOfOrder'])
      for (const n of [1, 3]) expect(attempts(house.of(name, n))).toEqual([1, 2, 3, 4]);
    // The key's later record has waited for it, or has not.
    expect(house.of('InOrder', 2)[0]!.at).toBeGreaterThanOrEqual(house.of('InOrder', 1)[3]!.at);
    expect(house.of('OutOfOrder', 2)[0]!.at).toBeLessThan(house.of('OutOfOrder', 1)[1]!.at);
    for (const name of ['InOrder', 'OutOfOrder']) {
      const late = pauses(house.of(name, 3)).map((pause) => pause - PAUSE);
      console.log(
        `${name}: attempts began ${late.join(', ')} ms after they were due (killed before the second of these)`,
      );
      expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    }
    console.log(`${KEYS} other keys, while one backs off: p50 ${at(delays, 0.5)} ms, p99 ${at(delays, 0.99)} ms`);
    expect(at(delays, 0.99)).toBeLessThan(PAUSE / 2);
  });
});

/** How long commands of other keys in the same partition take, from their writing to their handler. */
async function others({ send, until, of }: Awaited<ReturnType<typeof retryHouse>>): Promise<number[]> {
  const sent: number[] = [];
  for (let n = 0; n < 5 * KEYS; n++) {
    sent.push(Date.now());
    await send('Other', { n }, `key-${n % KEYS}`);
    await sleep(2);
  }
  await until('Other', 5 * KEYS - 1, 1);
  return sent.map((from, n) => of('Other', n)[0]!.at - from).sort((a, b) => a - b);
}

function attempts(calls: readonly Call[]): number[] {
  return calls.map(({ attempt }) => attempt);
}

function pauses(calls: readonly Call[]): number[] {
  return calls.slice(1).map((call, index) => call.at - calls[index]!.at);
}

function at(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}
