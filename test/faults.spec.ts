import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFailed } from 'vitest';
import { faultRun } from './faults/fault.run.js';
import { reportText } from './faults/report.js';
import { describeWithKafka } from './support/real.parts.js';

/** `npm run test:faults` takes longer, and more of everything. */
const FAULTS = 120_000;
const LIMIT = 480_000;
/** When the last fault is healed at the latest, for what it leaves behind is waited for longest: on a slow day there are fewer. */
const LAST_FAULT = 270_000;
const CLIENTS = 60;
const COMMANDS_A_SECOND = 25;

describeWithKafka(
  'three brokers, Redis, three gateways and three services, of which one after the other breaks',
  () => {
    it(
      'lose nothing, double nothing, and keep every order, and say truly how they are',
      async () => {
        const seed = Math.floor(Math.random() * 2 ** 31);
        console.log(`npm run test:faults -- --minutes 2 --seed ${seed}`);
        const directory = mkdtempSync(join(tmpdir(), 'kafka-socket-faults-')); // kept where something is wrong
        const said: string[] = [];
        const begin = performance.now();
        const tell = (line: string) => said.push(`${Math.round((performance.now() - begin) / 1_000)} s ${line}`);
        // Also where it ran out of time.
        onTestFailed(() => console.log([directory, ...said].join('\n')));
        const report = await faultRun({
          seed,
          lasts: FAULTS,
          clients: CLIENTS,
          rate: COMMANDS_A_SECOND,
          lag: 10_000,
          directory,
          tell,
          signal: AbortSignal.timeout(LAST_FAULT),
        });
        console.log(reportText(report));
        const { verdict, faults } = report;

        expect(verdict.violations).toEqual([]);
        expect(verdict.counts).toEqual({ lost: 0, double: 0, disorder: 0, false: 0, growth: 0 });
        // What happened, happened under load.
        expect(verdict.requests).toBeGreaterThan(1_000);
        expect(verdict.deliveries).toBeGreaterThan(5_000);
        expect(faults.length).toBeGreaterThanOrEqual(3);
        rmSync(directory, { recursive: true, force: true });
      },
      LIMIT,
    );
  },
);
