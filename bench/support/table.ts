import { short } from '../report/short.number.js';
import type { Figure, FigureLine } from './figure.js';

const HEAD = ['bench', 'metric', 'unit', 'ours', 'floor', 'peer', 'ratio', 'goal', ''];

/** A row for each figure: medians, in brackets the least and the most of the rounds. */
export function row(line: FigureLine, figure: Figure): string[] {
  const peer = figure.peer ? `${withSpread(figure.peer, line.peer!)} ${line.peerName}` : '';
  return [
    line.bench,
    line.metric,
    line.unit,
    withSpread(figure.ours, line.ours),
    figure.floor ? withSpread(figure.floor, line.floor!) : '',
    peer,
    line.ratio === null ? '' : `${short(line.ratio)}x`,
    line.goal ?? '',
    line.goal === null ? '' : line.ok ? 'ok' : 'MISSED',
  ];
}

export function table(rows: readonly string[][]): string {
  const all = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...all.map((cells) => cells[column]!.length)));
  const text = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
  return [text(HEAD), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(text)].join('\n');
}

function withSpread(samples: readonly number[], median: number): string {
  if (samples.length < 2) return short(median);
  return `${short(median)} (${short(Math.min(...samples))}-${short(Math.max(...samples))})`;
}
