import { describe, expect, it } from 'vitest';
import { FreshAnswer } from '../lib/log/kafka/fresh.answer.js';

/** A question that is answered when the test says so, with how often it was asked before. */
function question() {
  const open: ((error?: Error) => void)[] = [];
  let asked = 0;
  const fresh = new FreshAnswer(() => {
    const number = ++asked;
    return new Promise<number>((resolve, reject) => open.push((error) => (error ? reject(error) : resolve(number))));
  });
  const answer = async (error?: Error): Promise<void> => {
    await expect.poll(() => open.length, { interval: 1 }).toBe(1);
    open.pop()!(error);
  };
  return { fresh, answer, asked: () => asked };
}

describe('an answer that must not be older than the wish for it', () => {
  it('is asked for once for all who came while the one before was under way', async () => {
    const { fresh, answer, asked } = question();
    const first = fresh.get();
    await expect.poll(asked).toBe(1);
    const late = [fresh.get(), fresh.get(), fresh.get()];

    await answer();
    await answer();

    expect(await first).toBe(1);
    expect(await Promise.all(late)).toEqual([2, 2, 2]);
    expect(asked()).toBe(2);
  });

  it('comes although the one before failed', async () => {
    const { fresh, answer, asked } = question();
    const first = fresh.get();
    const failed = expect(first).rejects.toThrow('no broker');
    await expect.poll(asked).toBe(1);
    const late = fresh.get();

    await answer(new Error('no broker'));
    await answer();

    await failed;
    expect(await late).toBe(2);
  });

  it('is asked for at once, and then at a pace, however fast the answers come', async () => {
    let asked = 0;
    const fresh = new FreshAnswer(async () => ++asked);
    const began = performance.now();

    expect(await fresh.get()).toBe(1);
    expect(performance.now() - began).toBeLessThan(20);
    for (let number = 2; number <= 5; number++) expect(await fresh.get()).toBe(number);

    expect(performance.now() - began).toBeGreaterThan(4 * 25 - 5);
  });
});
