import type { FaultReport } from './fault.run.js';
import type { FaultRecord } from './world/fault.js';

/** A run as a table, for people. */
export function reportText({ verdict, faults, use }: FaultReport): string {
  const { outcomes, counts } = verdict;
  const rows: (readonly [what: string, figure: string])[] = [
    ['requests', `${verdict.requests} (${byName(outcomes)})`],
    ['both answered and timed out', `${verdict.contested}`],
    ['events', `${verdict.events}`],
    ['deliveries', `${verdict.deliveries} to clients that lost ${verdict.reconnects} sockets`],
    ['told incomplete', `${verdict.incomplete}`],
    ['effects', `${verdict.effects}`],
    ['lost', `${counts.lost}`],
    ['double', `${counts.double}`],
    ['out of order', `${counts.disorder}`],
    ['told what is not so', `${counts.false}`],
    ['grown', `${counts.growth}`],
    [
      'heap',
      use.after
        .map(({ member, heap }) => `${member} ${mebibytes(heapOf(use.before, member))}→${mebibytes(heap)}`)
        .join(', '),
    ],
  ];
  return [
    ...rows.map(([what, figure]) => `${what.padEnd(28)} ${figure}`),
    '',
    faultTable(faults, verdict.standstills),
  ].join('\n');
}

/** Whether every promise was kept. */
export function isKept({ verdict }: FaultReport): boolean {
  return Object.values(verdict.counts).every((count) => count === 0);
}

/**
 * How often each took effect, how long it took to be over once it was healed, and the longest time in which no command of some partition
 * succeeded.
 */
function faultTable(faults: readonly FaultRecord[], standstills: readonly number[]): string {
  const byFault = new Map<string, (FaultRecord & { readonly stood: number })[]>();
  faults.forEach((one, index) => {
    const times = byFault.get(one.fault) ?? [];
    byFault.set(one.fault, [...times, { ...one, stood: standstills[index]! }]);
  });
  const rows = [...byFault]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([fault, times]) => {
      const sorted = times.map(({ recovered = Infinity }) => recovered).sort((a, b) => a - b);
      const took = times.filter((one) => one.took !== false).length;
      const figures = [sorted[(sorted.length - 1) >> 1]!, sorted.at(-1)!, Math.max(...times.map(({ stood }) => stood))];
      return [fault, `${times.length}`, `${took}`, ...figures.map(seconds)];
    });
  const line = ([fault, ...figures]: readonly string[]): string =>
    [fault!.padEnd(28), ...figures.map((figure, index) => figure.padStart(index < 2 ? 5 : 9))].join(' ');
  return [line(['fault', 'times', 'took', 'p50', 'max', 'stood']), ...rows.map(line)].join('\n');
}

function byName(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

function heapOf(before: FaultReport['use']['before'], member: string): number {
  return before.find((one) => one.member === member)?.heap ?? NaN;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(0)} MiB`;
}

function seconds(milliseconds: number): string {
  return Number.isFinite(milliseconds) ? `${(milliseconds / 1_000).toFixed(1)} s` : 'never';
}
