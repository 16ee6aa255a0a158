import type { Figure, PlotPoint } from '../support/figure.js';

/** A figure at one point of an axis. */
export function plotted(at: PlotPoint, unit: string, samples: readonly number[]): Figure {
  return { metric: `${at.series}, ${at.x.toLocaleString('en')} ${at.axis}`, unit, ours: samples, at };
}
