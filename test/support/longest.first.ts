import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Suites of 20 s and more, most of it waiting for brokers, time-outs and processes. A clone has no durations of an earlier run, and
 * one of these that began last would keep the run alone for as long as it takes.
 */
const LONGEST = [
  'faults',
  'hostile.frames',
  'log.kafka.outage',
  'sample.browser',
  'conformance',
  'hostile.records', // not beside the other hostile one: each wants a processor for itself
  'sample.operations',
  'sample.page',
  'gateway.rolling-restart',
  'sample.endings.browser',
  'timeout.bull.faults',
  'gateway.kafka-away',
  'log.kafka.leaderless',
  'gateway.requests',
  'outcome.crash',
  'gateway.recovery',
  'delayed.contract',
  'package',
  'delayed.crash',
  'dead-letters.cli',
  'client.gateway',
  'gateway.recovery.model',
].map((name) => `/test/${name}.spec.ts`);

/** Begins with what takes longest. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files);
    return others.sort((one, other) => rankOf(one) - rankOf(other));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = LONGEST.findIndex((end) => moduleId.endsWith(end));
  return rank < 0 ? LONGEST.length : rank;
}
