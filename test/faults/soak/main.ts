import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { plotSvg } from '../../../bench/report/line.plot.js';
import { type Flatness, flatnessOf, type Series, seriesOf } from './flatness.js';
import { soakRun } from './soak.run.js';

const ROOT = dirname(createRequire(import.meta.url).resolve('nestjs-kafka-socket/package.json'));
const PLOTS = join(ROOT, '.cache/soak');

const string = { type: 'string' } as const;

async function main(signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({ options: { minutes: string, clients: string, rate: string, seed: string } });
  const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
  const directory = mkdtempSync(join(tmpdir(), 'kafka-socket-soak-'));
  const begin = performance.now();
  const tell = (line: string): void =>
    console.error(`${((performance.now() - begin) / 1_000).toFixed(0).padStart(5)} ${line}`);
  const { samples, verdict } = await soakRun({
    lasts: (number(values.minutes) ?? 30) * 60_000,
    seed: number(values.seed) ?? 1,
    clients: number(values.clients),
    rate: number(values.rate),
    directory,
    tell,
    signal,
  });
  const all = seriesOf(samples).map(flatnessOf);
  plot(all.map(({ series }) => series));
  process.stdout.write(`${table(all)}\n\nplots: ${PLOTS}\n`);
  const wrong = verdict.violations.map(({ kind, text }) => `${kind}: ${text}`);
  process.stdout.write(`${verdict.requests} requests, ${verdict.deliveries} events told; ${wrong.length} wrong\n`);
  for (const line of wrong) console.error(line);
  const good = wrong.length === 0 && all.every(({ flat }) => flat);
  if (good) rmSync(directory, { recursive: true, force: true });
  else console.error(`The history is in ${directory}`);
  return good ? 0 : 1;
}

/** One file for each thing that is measured: gateways and services side by side. */
function plot(series: readonly Series[]): void {
  mkdirSync(PLOTS, { recursive: true });
  for (const what of new Set(series.map((one) => one.what))) {
    const unit = ['heap', 'rss', 'Redis memory'].includes(what) ? 1_048_576 : 1;
    const lines = series
      .filter((one) => one.what === what)
      .map(({ name, points }) => ({ name, points: points.map(({ x, y }) => ({ x: x / 60, y: y / unit })) }));
    const panels = [lines.slice(0, 3), lines.slice(3)].filter(({ length }) => length > 0);
    const title = unit === 1 ? what : `${what}, MiB`;
    const file = join(PLOTS, `${what.replace(' ', '-')}.svg`);
    writeFileSync(file, plotSvg(panels.map((part) => ({ title, xLabel: 'minutes', lines: part, even: true }))));
  }
}

function table(all: readonly Flatness[]): string {
  const line = (cells: readonly string[]): string =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(28) : cell.padStart(14))).join('');
  const rows = all.map(({ series, mean, rise, tolerance, flat }) => {
    const figures = [mean, rise, tolerance].map((value) => Math.round(value).toLocaleString('en'));
    const name = series.name === series.what ? series.name : `${series.name}, ${series.what}`;
    return line([name, ...figures, flat ? 'flat' : 'RISES']);
  });
  return [line(['second half', 'mean', 'rise', 'tolerance', '']), ...rows].join('\n');
}

console.log = console.error;
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());

try {
  // Not left to its own end: Node 20 has been seen to spin while it takes its environment down, with all of it closed.
  process.exit(await main(stopping.signal));
} catch (error) {
  console.error(error);
  process.exit(1);
}
