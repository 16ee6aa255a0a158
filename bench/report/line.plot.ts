import type { Point } from './knee.js';
import { short } from './short.number.js';

/** A plot of lines over one axis. */
export interface LinePlot {
  readonly title: string;
  readonly xLabel: string;
  readonly lines: readonly { readonly name: string; readonly points: readonly Point[] }[];
  /** Where a mark is set. */
  readonly knee?: number;
  /**
   * Whether the x axis is even, as time is, and begins at nothing; without it, it is logarithmic, and names each point.
   * @default false
   */
  readonly even?: boolean;
}

const WIDTH = 460;
const HEIGHT = 300;
const EDGE = { left: 60, right: 28, top: 44, bottom: 46 };
const COLOURS = ['#2563eb', '#dc2626', '#059669'];
const GRID_LINES = 4;
/** Radius of a point. */
const DOT = 3;

/** Plots beside each other as one SVG, readable on light and dark pages. The y axis begins at nothing. */
export function plotSvg(plots: readonly LinePlot[]): string {
  const panels = plots.map((plot, index) => `<g transform="translate(${index * WIDTH} 0)">\n${panel(plot)}\n</g>`);
  const width = plots.length * WIDTH;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" font-family="sans-serif" font-size="11" role="img">`,
    `<title>${escaped(plots.map(({ title }) => title).join('; '))}</title>`,
    `<rect width="${width}" height="${HEIGHT}" fill="#fff"/>`,
    ...panels,
    '</svg>\n',
  ].join('\n');
}

function panel({ title, xLabel, lines, knee, even = false }: LinePlot): string {
  const xs = [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const top = niceTop(Math.max(...lines.flatMap(({ points }) => points.map(({ y }) => y))));
  const scale = even ? (x: number) => x : Math.log;
  const [low, high] = [even ? 0 : scale(xs[0]!), scale(xs.at(-1)!)];
  const [right, bottom] = [WIDTH - EDGE.right, HEIGHT - EDGE.bottom];
  const atX = (x: number) =>
    round(EDGE.left + (right - EDGE.left) * (high > low ? (scale(x) - low) / (high - low) : 0.5));
  const atY = (y: number) => round(bottom - ((bottom - EDGE.top) * y) / top);
  return [
    text(EDGE.left, 16, title, 'font-weight="bold"'),
    ...grid(top, atY),
    ...(even ? evenTicks(high) : xs).map((x) =>
      text(atX(x), bottom + 16, short(x), 'text-anchor="middle" fill="#444"'),
    ),
    text((EDGE.left + right) / 2, HEIGHT - 8, xLabel, 'text-anchor="middle" fill="#444"'),
    ...(knee === undefined ? [] : [kneeMark(atX(knee), bottom)]),
    ...lines.map((line, index) => curve(line, COLOURS[index % COLOURS.length]!, index, atX, atY, even ? 0 : DOT)),
  ].join('\n');
}

function evenTicks(high: number): number[] {
  return Array.from({ length: GRID_LINES + 1 }, (_, index) => (high * index) / GRID_LINES);
}

function grid(top: number, atY: (y: number) => number): string[] {
  return Array.from({ length: GRID_LINES + 1 }, (_, index) => {
    const value = (top * index) / GRID_LINES;
    const y = atY(value);
    const line = `<path d="M${EDGE.left} ${y}H${WIDTH - EDGE.right}" stroke="#ddd"/>`;
    return `${line}\n${text(EDGE.left - 6, y + 4, short(value), 'text-anchor="end" fill="#444"')}`;
  });
}

function kneeMark(x: number, bottom: number): string {
  const line = `<path d="M${x} ${EDGE.top}V${bottom}" stroke="#888" stroke-dasharray="4 3"/>`;
  return `${line}\n${text(x + 4, EDGE.top + 10, 'knee', 'fill="#888"')}`;
}

function curve(
  { name, points }: LinePlot['lines'][number],
  colour: string,
  index: number,
  atX: (x: number) => number,
  atY: (y: number) => number,
  dot: number,
): string {
  const path = points.map(({ x, y }) => `${atX(x)} ${atY(y)}`).join('L');
  const dots = (dot > 0 ? points : []).map(
    ({ x, y }) => `<circle cx="${atX(x)}" cy="${atY(y)}" r="${dot}" fill="${colour}"/>`,
  );
  const legend = text(EDGE.left + index * 120, 32, name, `fill="${colour}"`);
  return [`<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2"/>`, ...dots, legend].join('\n');
}

/** 1, 2 or 5 times a power of ten, not below what is shown. */
function niceTop(most: number): number {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= most)!;
}

function text(x: number, y: number, content: string, more: string): string {
  return `<text x="${x}" y="${y}" ${more}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
