import { table as textTable } from '../support/table.js';
import { GROWTH_AXES, type GrowthAxis } from './growth.axes.js';
import { kneeOf, type Point } from './knee.js';
import type { LinePlot } from './line.plot.js';
import type { KeptFigure, KeptRun, KeptRuns } from './results.store.js';
import { short } from './short.number.js';

/** The page, and the plots that it shows, by their file names. */
export interface ResultsPage {
  readonly markdown: string;
  readonly plots: Readonly<Record<string, readonly LinePlot[]>>;
}

const GROWTH = 'growth';

/** Lays out what was measured last. */
export function resultsPage(runs: KeptRuns): ResultsPage {
  const { [GROWTH]: growth, ...judged } = runs;
  const axes = growth ? GROWTH_AXES.filter(({ name }) => pointsOf(growth, name).length > 0) : [];
  const plots = axes.map((axis) => [`${axis.name}.svg`, plotsOf(growth!, axis)] as const);
  const markdown = [
    '# Results',
    '',
    'Written by `npm run bench -- --results` and `npm run bench growth -- --results`, from [results.json](results.json). Medians of the rounds, in brackets the least and the most. Read the ratios: they hold on other machines, the figures do not.',
    '',
    ...goals(judged),
    ...axes.flatMap((axis) => axisSection(growth!, axis)),
    '## Measured on',
    '',
    ...Object.entries(runs).map(([name, run]) => `- \`${name}\`: ${placeOf(run)}`),
    '',
  ].join('\n');
  return { markdown, plots: Object.fromEntries(plots) };
}

function goals(runs: KeptRuns): string[] {
  const figures = Object.values(runs).flatMap((run) => run.figures);
  if (figures.length === 0) return [];
  const missed = figures.filter(({ ok }) => !ok).length;
  const asked = figures.filter(({ goal }) => goal !== null).length;
  const rows = figures.map(({ row }) => [...row]);
  return [
    '## Against the goals',
    '',
    `${asked - missed} of ${asked} goals are met.`,
    '',
    ...fenced(textTable(rows)),
    '',
  ];
}

function fenced(text: string): string[] {
  return ['```text', text, '```'];
}

function axisSection(run: KeptRun, axis: GrowthAxis): string[] {
  const figures = run.figures.filter(({ at, metric }) => at?.axis === axis.name || metric.includes(`, ${axis.name}: `));
  return [
    `## ${axis.title}`,
    '',
    axis.setting,
    '',
    `![Latency and cost by ${axis.name}](plots/${axis.name}.svg)`,
    '',
    `${kneeText(run, axis)} ${axis.why}`,
    '',
    ...fenced(textTable(figures.map(({ row }) => [...row]))),
    '',
  ];
}

function kneeText(run: KeptRun, axis: GrowthAxis): string {
  const points = slowest(run, axis);
  const last = points.at(-1)!;
  const knee = kneeOf(points);
  if (!knee)
    return `**No knee** up to ${last.x.toLocaleString('en')} ${axis.name}: the p99 goes from ${short(points[0]!.y)} to ${short(last.y)} ms.`;
  const next = points.find(({ x }) => x > knee.x)!;
  return (
    `**The knee** is at ${knee.x.toLocaleString('en')} ${axis.name}: there the p99 is ${short(knee.y)} ms, ` +
    `and ${short(next.y)} ms at ${next.x.toLocaleString('en')}, more than twice what it was at first.`
  );
}

/** The p99 of an axis. */
function slowest(run: KeptRun, { name }: GrowthAxis): Point[] {
  return pointsOf(run, name)
    .filter(({ at }) => at!.series.endsWith('p99'))
    .map(({ at, ours }) => ({ x: at!.x, y: ours }));
}

function plotsOf(run: KeptRun, axis: GrowthAxis): LinePlot[] {
  const knee = kneeOf(slowest(run, axis))?.x;
  return (['latency', 'cost'] as const).map((panel) => {
    const figures = pointsOf(run, axis.name).filter(({ at }) => at!.panel === panel);
    const names = [...new Set(figures.map(({ at }) => at!.series))];
    const lines = names.map((name) => ({
      name,
      points: figures.filter(({ at }) => at!.series === name).map(({ at, ours }) => ({ x: at!.x, y: ours })),
    }));
    return { title: `${panel}, ${figures[0]!.unit}`, xLabel: axis.name, lines, knee };
  });
}

function pointsOf(run: KeptRun, axis: string): KeptFigure[] {
  return run.figures.filter(({ at }) => at?.axis === axis);
}

function placeOf({ machine, when, quick, took }: KeptRun): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const size = quick ? ' with `--quick`: **a look, not a claim**' : '';
  return `${when}${size}, in ${took} s. ${machine.processor}, ${machine.memory}, load ${machine.load} at the end. ${versions.join(', ')}.`;
}
