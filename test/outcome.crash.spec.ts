import { expect, it } from 'vitest';
import { crashRun } from './support/crash.run.js';
import { describeWithKafka } from './support/real.parts.js';

/** `CRASH_COMMANDS=20000 CRASH_SEED=7 npm run test:crash` is the long run; the faults of a seed are the same, their moments are not. */
const commands = Number(process.env['CRASH_COMMANDS'] ?? 1_500);
const seed = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describeWithKafka('commands that end at the edge of their time, while gateways, services and Redis are killed', () => {
  it('have exactly one outcome each, the first one of the log', { timeout: 60_000 + commands * 60 }, async () => {
    const { told, contested, faults, wrong } = await crashRun({ commands, seed });

    console.log(`crash run, seed ${seed}: ${commands} commands, ${faults.length} faults (${faults.join(', ')})`);
    console.log(`told: ${JSON.stringify(told)}; ${contested} requests had more than one terminal record`);
    expect(wrong).toEqual([]);
    // Else the run proved nothing.
    expect(faults.length).toBeGreaterThan(1);
    expect(told['success']).toBeGreaterThan(0);
    expect(told['timeout']).toBeGreaterThan(0);
    expect(contested).toBeGreaterThan(0);
  });
});
