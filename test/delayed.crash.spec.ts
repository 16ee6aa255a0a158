import { expect, inject, it } from 'vitest';
import { delayedRun } from './support/delayed.run.js';
import { describeWithKafka } from './support/real.parts.js';

/** `npm run test:crash` is the long run, of 10,000. */
const commands = Number(process.env['DELAYED_COMMANDS'] ?? 500);

describeWithKafka('delayed commands, while services are killed and stopped and clients of Redis are cut off', () => {
  it.skipIf(!inject('redisUrl'))(
    'are carried out once each, at their time or after it, and never once they were taken back',
    { timeout: 120_000 + commands * 30 },
    async () => {
      const { faults, cancelled, doubtful, effects, lateness, published, calls, doubles } = await delayedRun(commands);
      const { quiet, broken } = published;

      console.log(
        `${commands} delayed commands, ${cancelled.size} taken back, ${doubtful.size} perhaps; faults: ${faults.join(', ')}. ` +
          `In the log: ${late(quiet)} before the first fault, ${late(broken)} after it; carried out: ${late(lateness)}. ` +
          `${doubles} stand twice in the log; handlers were called ${calls} times.`,
      );
      const expected = Array.from({ length: commands }, (_, n) => n).filter((n) => !cancelled.has(n));
      const came = new Set([...effects.keys(), ...doubtful]);
      expect([...came].sort((a, b) => a - b)).toEqual(expected);
      expect([...effects].filter(([, times]) => times !== 1)).toEqual([]);
      expect(lateness[0]).toBeGreaterThanOrEqual(0);
      // Else the run proved nothing.
      expect(cancelled.size).toBeGreaterThan(0);
      for (const fault of ['service killed', 'service stopped', 'Redis cut off']) expect(faults).toContain(fault);
    },
  );
});

/** Milliseconds after their time. */
function late(sorted: readonly number[]): string {
  const at = (share: number) => sorted[Math.floor(share * sorted.length)]?.toFixed(0);
  return `${sorted.length} late by p50 ${at(0.5)} ms, p99 ${at(0.99)}, at most ${at(0.999_999)}`;
}
