import type { Figure, PlotPoint } from '../support/figure.js';

/** What a figure at one point of an axis is called. */
export function metricAt(series: string, axis: string, x: number): string {
  return `${series}, ${axis}: ${x.toLocaleString('en')}`;
}

/** A figure at one point of an axis. */
export function plotted(at: PlotPoint, unit: string, samples: readonly number[]): Figure {
  return { metric: metricAt(at.series, at.axis, at.x), unit, ours: samples, at };
}
