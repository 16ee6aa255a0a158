import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_NOTE_BYTES } from '../lib/log/message.log.js';
import { AttemptLedger } from '../lib/service/retry/attempt.ledger.js';
import { readNote, writeNote } from '../lib/service/retry/attempt.note.js';
import { backoffDelay, shortestDelay } from '../lib/service/retry/backoff.delay.js';
import { until } from '../lib/service/retry/later.js';

describe('the pause after an attempt', () => {
  const backoffs = fc.record({
    first: fc.integer({ min: 1, max: 60_000 }),
    factor: fc.double({ min: 1, max: 100, noNaN: true }),
    maximum: fc.integer({ min: 60_000, max: 604_800_000 }),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  });

  it('is whole, never below what was promised, and above it by the jitter at most', () => {
    const random = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(backoffs, fc.integer({ min: 1, max: 100 }), random, (backoff, attempt, chance) => {
        const [shortest, delay] = [shortestDelay(backoff, attempt), backoffDelay(backoff, attempt, chance)];
        expect(Number.isSafeInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(
          Math.min(backoff.first * backoff.factor ** (attempt - 1), backoff.maximum),
        );
        expect(delay).toBeLessThanOrEqual(Math.ceil(shortest * (1 + backoff.jitter)));
        expect(shortestDelay(backoff, attempt + 1)).toBeGreaterThanOrEqual(shortest);
      }),
    );
  });

  it('is over when the clock says so, and not when the timer does', async () => {
    const times = [0, 99, 99.9, 100];
    let asked = 0;

    await until(100, () => times[Math.min(asked++, 3)]!, new AbortController().signal);

    expect(asked).toBe(4);
  });
});

describe('the note of attempts', () => {
  const attempts = fc.uniqueArray(
    fc.record({
      offset: fc.bigInt({ min: 1_000n, max: 3_000n }),
      attempts: fc.integer({ min: 1, max: 100 }),
      due: fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 }),
      handler: fc.constantFrom('', 'aB-_09', 'zzzzzz'),
    }),
    { selector: ({ offset, handler }) => `${offset} ${handler}`, maxLength: 1_000 },
  );

  it('brings back what was written, as far as there was room', () => {
    fc.assert(
      fc.property(attempts, (given) => {
        const { text, omitted } = writeNote(given, 1_000n, MAX_NOTE_BYTES);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_NOTE_BYTES);
        const read = readNote(text, 1_000n);
        expect(read).toHaveLength(given.length - omitted);
        for (const one of read) expect(given).toContainEqual(one);
        const fewest = Math.min(...read.map((one) => one.attempts));
        const lost = given.filter(
          (one) => !read.some(({ offset, handler }) => offset === one.offset && handler === one.handler),
        );
        for (const one of lost) expect(one.attempts).toBeLessThanOrEqual(fewest);
      }),
      { numRuns: 25 },
    );
  });

  it('of anybody else says nothing, whatever it is', () => {
    fc.assert(fc.property(fc.string(), (text) => readNote(text, 5n).length === 0));
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const { attempts: made, due, offset } of readNote(`retry1 ${text}`, 5n)) {
          expect([made, due].every(Number.isSafeInteger)).toBe(true);
          expect(offset).toBeGreaterThanOrEqual(5n);
        }
      }),
    );
  });

  it('keeps what went on elsewhere until it is committed, and drops what has ended', () => {
    const ledger = new AttemptLedger();
    for (const offset of [5n, 6n]) ledger.set(offset, '', { attempts: 2, due: 1_800_000_000_000 });
    ledger.move(5n);
    for (const offset of [5n, 6n]) ledger.drop(offset);

    expect(readNote(ledger.write(3n), 3n)).toMatchObject([{ offset: 5n, attempts: 2 }]);
    expect(readNote(ledger.write(6n), 6n)).toEqual([]);
    expect(ledger.write(6n)).toBe('');
  });

  it('forgets what another owner has finished meanwhile, and keeps the rest', () => {
    const ledger = new AttemptLedger();
    for (const offset of [5n, 6n]) ledger.set(offset, '', { attempts: 2, due: 1_800_000_000_000 });

    ledger.learn(undefined, 6n);

    expect(ledger.find(5n, '')).toBeUndefined();
    expect(ledger.find(6n, '')).toMatchObject({ attempts: 2 });
  });

  it('that overflows says so once for each note, and forgets those with the fewest attempts', () => {
    const lost: number[] = [];
    const ledger = new AttemptLedger((count) => lost.push(count));
    for (let n = 0; n < 1_000; n++) ledger.set(BigInt(n), '', { attempts: n < 5 ? 9 : 1, due: 1_800_000_000_000 + n });

    const next = new AttemptLedger();
    next.learn(ledger.write(0n), 0n);
    ledger.write(0n); // the same once more

    expect(lost).toHaveLength(1);
    expect(lost[0]).toBeGreaterThan(0);
    for (let n = 0; n < 5; n++) expect(next.find(BigInt(n), '')).toMatchObject({ attempts: 9 });
    expect(next.find(999n, '')).toBeUndefined();
  });
});
