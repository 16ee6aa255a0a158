import { median } from './percentiles.js';

/** What a figure must reach. */
export interface Goal {
  /** What it is judged by: ours over the floor's, ours over the peer's, or ours as it is. */
  readonly of: 'floor' | 'peer' | 'ours';
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One thing that was measured, round by round. */
export interface Figure {
  readonly metric: string;
  readonly unit: string;
  readonly ours: readonly number[];
  /** The same on nothing but what both sides stand on. */
  readonly floor?: readonly number[];
  /** The same by somebody else. */
  readonly peer?: readonly number[];
  readonly peerName?: string;
  /** Left out: it is told beside the others, and nothing is asked of it. */
  readonly goal?: Goal;
  /** Where it lies on a plot of cost against load. */
  readonly at?: PlotPoint;
}

/** A point of a plot. */
export interface PlotPoint {
  /** What grows, such as `sockets`. */
  readonly axis: string;
  readonly x: number;
  readonly series: string;
  /** Which of an axis's two plots it belongs to. */
  readonly panel: 'latency' | 'cost';
}

/** A figure as `--json` prints it, one a line. Medians of the rounds. */
export interface FigureLine {
  readonly bench: string;
  readonly metric: string;
  readonly unit: string;
  readonly ours: number;
  readonly floor?: number;
  readonly peer?: number;
  readonly peerName?: string;
  /** Ours over what the goal is about, else over the floor, else over the peer; null where there is neither. */
  readonly ratio: number | null;
  /** Null: nothing is asked of this figure. */
  readonly goal: string | null;
  readonly ok: boolean;
}

/** Judges a figure by its medians. */
export function judge(bench: string, figure: Figure): FigureLine {
  const { metric, unit, goal, peerName } = figure;
  const ours = median(figure.ours);
  const floor = figure.floor && median(figure.floor);
  const peer = figure.peer && median(figure.peer);
  const reference = goal?.of === 'peer' ? peer : (floor ?? peer);
  const ratio = reference === undefined ? null : ours / reference;
  return {
    bench,
    metric,
    unit,
    ours,
    ...(floor !== undefined && { floor }),
    ...(peer !== undefined && { peer, peerName }),
    ratio,
    goal: goal ? goalText(goal, unit) : null,
    ok: !goal || isReached(goal, goal.of === 'ours' ? ours : ratio),
  };
}

/** A figure that nobody could take is not reached. */
function isReached({ atLeast = -Infinity, atMost = Infinity }: Goal, value: number | null): boolean {
  return value !== null && value >= atLeast && value <= atMost;
}

function goalText({ of, atLeast, atMost }: Goal, unit: string): string {
  const bound = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
  return of === 'ours' ? `${bound} ${unit}` : `${bound} x ${of}`;
}
