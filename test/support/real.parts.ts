import { describe, inject } from 'vitest';

/*
 * For suites that stand on real parts. Where one could not be had, which global.setup.ts has told aloud, they count as
 * skipped; with CI set the run has failed before it comes to that.
 */

export const describeWithKafka = describe.skipIf(!inject('kafkaBrokers'));
export const describeWithRedis = describe.skipIf(!inject('redisUrl'));
export const describeWithChromium = describe.skipIf(!inject('chromiumPath'));
