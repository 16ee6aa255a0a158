import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { BenchCase } from './bench.case.js';
import { broadcast } from './broadcast.bench.js';
import { runCase } from './case.run.js';
import { discard } from './discard.bench.js';
import { growth } from './growth.bench.js';
import { idle } from './idle.bench.js';
import { recovery } from './recovery.bench.js';
import { describeMachine } from './report/machine.js';
import { writeResults } from './report/results.files.js';
import type { KeptFigure, KeptRun, KeptRuns } from './report/results.store.js';
import { roundTrip } from './round-trip.bench.js';
import { seal } from './seal.bench.js';
import { service } from './service.bench.js';
import { slowClient } from './slow-client.bench.js';
import { type Figure, judge } from './support/figure.js';
import { type RealParts, startRealParts } from './support/real.parts.js';
import { row, table } from './support/table.js';
import { timeout } from './timeout.bench.js';

const CASES: readonly BenchCase[] = [roundTrip, service, broadcast, recovery, slowClient, idle, timeout, seal, discard];

/** By its name only: it is about plots, and has no goals. */
const BY_NAME: readonly BenchCase[] = [growth];

const USAGE = `npm run bench [name...] -- [--json] [--quick] [--results] [--profile <directory>]

  name       ${CASES.map(({ name }) => name).join(', ')}; all of them where none is named; and ${BY_NAME.map(({ name }) => name).join(', ')}
  --json     one object a line for each figure, instead of the table
  --quick    fewer clients, fewer and shorter rounds
  --results  writes bench/RESULTS.md with its plots, and the figures of docs/scale.md
  --profile  writes what the gateway's process spent its time on, as .cpuprofile

KAFKA_BROKERS=host:port,... and REDIS_URL=redis://host:port are used where they are set; else both are started here.
Ends with 1 where a goal is missed, with 130 where it was stopped.`;

/** As a shell says it of SIGINT. */
const INTERRUPTED = 130;
/** How long it may take to tidy up, in milliseconds. */
const STOP_LIMIT = 30_000;

class UsageError extends Error {}

type Flag = 'json' | 'quick' | 'results';

interface Settings {
  readonly cases: readonly BenchCase[];
  readonly json: boolean;
  readonly quick: boolean;
  readonly results: boolean;
}

function readSettings(args: string[]): Settings {
  const flag = { type: 'boolean' } as const;
  const options = { json: flag, quick: flag, results: flag, profile: { type: 'string' } } as const;
  const { values, positionals } = parsed(() => parseArgs({ args, options, allowPositionals: true }));
  const unknown = positionals.filter((name) => ![...CASES, ...BY_NAME].some((one) => one.name === name));
  if (unknown.length > 0) throw new UsageError(`There is no bench "${unknown.join('", "')}".`);
  if (values.profile) {
    process.env.BENCH_PROFILE = resolve(values.profile);
    mkdirSync(process.env.BENCH_PROFILE, { recursive: true });
  }
  const cases =
    positionals.length === 0 ? CASES : [...CASES, ...BY_NAME].filter(({ name }) => positionals.includes(name));
  const set = (option: Flag): boolean => values[option] ?? keptByNpm(option);
  return { cases, json: set('json'), quick: set('quick'), results: set('results') };
}

/** Without the `--` before it npm takes an option for its own, and only says so here. */
function keptByNpm(option: Flag): boolean {
  return process.env[`npm_config_${option}`] === 'true';
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** What a run is about, beside its settings. */
interface Outcome {
  /** Whether every goal was reached. */
  readonly ok: boolean;
  readonly rows: readonly string[][];
  readonly runs: KeptRuns;
}

async function run(settings: Settings, signal: AbortSignal): Promise<boolean> {
  const { cases, json, results } = settings;
  const begin = performance.now();
  const parts = await startRealParts(new Set(cases.flatMap(({ needs }) => needs)));
  try {
    const { ok, rows, runs } = await runAll(settings, parts, signal);
    if (!json) process.stdout.write(`${table(rows)}\n`);
    if (results) await writeResults(runs);
    const { processor, load, versions } = describeMachine(parts.versions);
    console.error(`${processor}, load ${load}, Node ${versions['Node']}; ${secondsSince(begin)} s in all.`);
    return ok;
  } finally {
    await parts.stop();
  }
}

async function runAll({ cases, json, quick }: Settings, parts: RealParts, signal: AbortSignal): Promise<Outcome> {
  const rows: string[][] = [];
  const runs: Record<string, KeptRun> = {};
  let ok = true;
  for (const one of cases) {
    signal.throwIfAborted();
    const begin = performance.now();
    // A case that breaks is told, and the others still run.
    const figures = await runCase(one, { ...parts, quick }, signal).catch((error: unknown) => {
      if (!signal.aborted) console.error(`${one.name}:`, error);
      return undefined;
    });
    if (!figures) {
      ok = false;
      continue;
    }
    const kept = figures.map((figure) => keptFigure(one.name, figure));
    ok &&= kept.every((figure) => figure.ok);
    rows.push(...kept.map((figure) => [...figure.row]));
    if (json) for (const figure of figures) process.stdout.write(`${JSON.stringify(judge(one.name, figure))}\n`);
    const took = secondsSince(begin);
    const when = new Date().toISOString().slice(0, 10);
    runs[one.name] = { machine: describeMachine(parts.versions), when, quick, took, figures: kept };
    console.error(`${one.name}: ${took} s`);
  }
  signal.throwIfAborted();
  return { ok, rows, runs };
}

function keptFigure(bench: string, figure: Figure): KeptFigure {
  const line = judge(bench, figure);
  return { ...line, row: row(line, figure), ...(figure.at && { at: figure.at }) };
}

function secondsSince(begin: number): number {
  return Math.round((performance.now() - begin) / 1_000);
}

// Standard output is for figures; what is said on the way, by the servers' installation too, is for people.
console.log = console.error;
// The first signal ends the case and what it started; the second, or some patience later, this process and with it all the others.
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stopping.signal.aborted) process.exit(INTERRUPTED);
    stopping.abort(new Error(`Stopped by ${signal}.`));
    setTimeout(() => process.exit(INTERRUPTED), STOP_LIMIT).unref();
  });
}

try {
  process.exitCode = (await run(readSettings(process.argv.slice(2)), stopping.signal)) ? 0 : 1;
} catch (error) {
  const { aborted, reason } = stopping.signal;
  if (error instanceof UsageError) console.error(`${error.message}\n\n${USAGE}`);
  else console.error(aborted ? (reason as Error).message : error);
  process.exitCode = aborted ? INTERRUPTED : 1;
}
