import type { Sample } from './sample.js';

/** What is measured again and again. */
export interface Series {
  readonly name: string;
  readonly what: 'heap' | 'rss' | 'handles' | 'timers' | 'Redis keys' | 'Redis memory' | 'lag';
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** How a series went in the second half of a run. */
export interface Flatness {
  readonly series: Series;
  readonly mean: number;
  /** By how much the straight line through it rises. */
  readonly rise: number;
  readonly tolerance: number;
  readonly flat: boolean;
}

const MEBIBYTE = 1_048_576;

/**
 * By how much a series may rise in the second half, when all that is kept for a while is full: a tenth of its mean, or so much where
 * that is more. Heaps go up and down by what was compiled and what is just under way; a process gives memory back late, and in pieces;
 * connections come and go by ones; what is under way differs from one moment to the next by about a second's commands.
 */
const TOLERANCES: Readonly<Record<Series['what'], number>> = {
  heap: 6 * MEBIBYTE,
  rss: 24 * MEBIBYTE,
  handles: 6,
  timers: 40,
  'Redis keys': 200,
  'Redis memory': MEBIBYTE,
  lag: 300,
};
const SHARE = 0.1;

export function seriesOf(samples: readonly Sample[]): Series[] {
  const { members = [] } = samples[0] ?? {};
  const ofMembers = members.flatMap(({ member }, index) =>
    (['heap', 'rss', 'handles', 'timers'] as const).map((what) => ({
      name: member,
      what,
      points: samples.map(({ second, members: all }) => ({ x: second, y: all[index]![what] })),
    })),
  );
  const rest = (what: Series['what'], value: (one: Sample) => number): Series => ({
    name: what,
    what,
    points: samples.map((one) => ({ x: one.second, y: value(one) })),
  });
  return [
    ...ofMembers,
    rest('Redis keys', ({ redisKeys }) => redisKeys),
    rest('Redis memory', ({ redisMemory }) => redisMemory),
    rest('lag', ({ lag }) => lag),
  ];
}

/** Whether a series is flat in its second half. */
export function flatnessOf(series: Series): Flatness {
  const points = series.points.slice(Math.floor(series.points.length / 2));
  const mean = meanOf(points.map(({ y }) => y));
  const rise = slopeOf(points) * (points.at(-1)!.x - points[0]!.x);
  const tolerance = Math.max(TOLERANCES[series.what], mean * SHARE);
  return { series, mean, rise, tolerance, flat: rise <= tolerance };
}

/** Of the straight line with the least squares. */
function slopeOf(points: Series['points']): number {
  const [middleX, middleY] = [meanOf(points.map(({ x }) => x)), meanOf(points.map(({ y }) => y))];
  const run = points.reduce((sum, { x }) => sum + (x - middleX) ** 2, 0);
  return run === 0 ? 0 : points.reduce((sum, { x, y }) => sum + (x - middleX) * (y - middleY), 0) / run;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
