import { describe, expect, it } from 'vitest';
import { crashRun, verdictOn } from './support/crash.run.js';
import { describeWithKafka } from './support/real.parts.js';

/** `npm run test:crash` is the long run, of 20,000; `CRASH_SEED=7` repeats one: the faults of a seed are the same, their moments are not. */
const commands = Number(process.env['CRASH_COMMANDS'] ?? 1_000);
const seed = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describeWithKafka('commands that end at the edge of their time, while gateways, services and Redis are killed', () => {
  it('have exactly one outcome each, the first one of the log', { timeout: 60_000 + commands * 60 }, async () => {
    const { told, contested, faults, wrong } = await crashRun({ commands, seed });

    console.log(`crash run, seed ${seed}: ${commands} commands, ${faults.length} faults (${faults.join(', ')})`);
    console.log(`told: ${JSON.stringify(told)}; ${contested} requests had more than one terminal record`);
    expect(wrong).toEqual([]);
    // Else the run proved nothing.
    for (const part of ['gateway', 'service', 'Redis']) expect(faults.join()).toContain(part);
    expect(told['success']).toBeGreaterThan(0);
    expect(told['timeout']).toBeGreaterThan(0);
    expect(contested).toBeGreaterThan(0);
  });
});

describe('the verdict on such a run', () => {
  const written = {
    requestOf: new Map([
      [0, 'a'],
      [1, 'b'],
    ]),
    endings: new Map([['a', ['timeout', 'success']]]),
  };

  it.each([
    [
      'an outcome that is not the first of the log',
      [{ status: 'success', answered: 0 }],
      /0 .*told success, the log says timeout/,
    ],
    ['no outcome', [{ status: 'timeout' }, { status: 'unknown' }], /1 .*told unknown, the log says an outcome/],
    ['a refusal of what was written', [{ status: 'unavailable' }], /0 .*told unavailable, the log says timeout/],
    [
      'what is said to be unknown and was never written',
      [{ status: 'timeout' }, { status: 'an outcome' }, { status: 'unknown' }],
      /2 .*log says unavailable/,
    ],
    ['the outcome of another request', [{ status: 'timeout', answered: 1 }], /0 .*told the outcome of request 1/],
  ])('finds %s', (_, told, wrong) => {
    expect(verdictOn(told, written).wrong.join()).toMatch(wrong);
  });

  it('counts requests whose result met their time-out', () => {
    expect(verdictOn([{ status: 'timeout' }], written)).toEqual({ told: { timeout: 1 }, contested: 1, wrong: [] });
  });
});
