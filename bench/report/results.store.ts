import { existsSync, readFileSync } from 'node:fs';
import type { FigureLine, PlotPoint } from '../support/figure.js';
import type { Machine } from './machine.js';

/** A figure as it is kept: what `--json` prints, how far its rounds lay apart, and where it lies on a plot. */
export interface KeptFigure extends FigureLine {
  /** The cells of its row, with the spread of the rounds. */
  readonly row: readonly string[];
  readonly at?: PlotPoint;
}

/** The last run of a bench. */
export interface KeptRun {
  readonly machine: Machine;
  /** The day. */
  readonly when: string;
  readonly quick: boolean;
  /** Seconds. */
  readonly took: number;
  readonly figures: readonly KeptFigure[];
}

/** The last run of each bench, by its name: so that one alone can be run anew, and the page still holds all. */
export type KeptRuns = Readonly<Record<string, KeptRun>>;

export function readRuns(file: string): KeptRuns {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as KeptRuns) : {};
}
