import { mkdirSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { BenchCase, BenchSite } from './bench.case.js';
import { broadcast } from './broadcast.bench.js';
import { discard } from './discard.bench.js';
import { growth } from './growth.bench.js';
import { idle } from './idle.bench.js';
import { recovery } from './recovery.bench.js';
import { roundTrip } from './round-trip.bench.js';
import { seal } from './seal.bench.js';
import { service } from './service.bench.js';
import { slowClient } from './slow-client.bench.js';
import { type Answers, Child, type ChildOptions } from './support/child.process.js';
import { judge } from './support/figure.js';
import { startRealParts } from './support/real.parts.js';
import { row, table } from './support/table.js';
import { timeout } from './timeout.bench.js';

const CASES: readonly BenchCase[] = [roundTrip, service, broadcast, recovery, slowClient, idle, timeout, seal, discard];

/** By its name only: it is about plots, and has no goals. */
const BY_NAME: readonly BenchCase[] = [growth];

const USAGE = `npm run bench [name...] -- [--json] [--quick] [--profile <directory>]

  name       ${CASES.map(({ name }) => name).join(', ')}; all of them where none is named
  --json     one object a line for each figure, instead of the table
  --quick    fewer clients, fewer and shorter rounds
  --profile  writes what the gateway's process spent its time on, as .cpuprofile

KAFKA_BROKERS=host:port,... and REDIS_URL=redis://host:port are used where they are set; else both are started here.
Ends with 1 where a goal is missed.`;

class UsageError extends Error {}

interface Settings {
  readonly cases: readonly BenchCase[];
  readonly json: boolean;
  readonly quick: boolean;
}

function readSettings(args: string[]): Settings {
  const options = { json: { type: 'boolean' }, quick: { type: 'boolean' }, profile: { type: 'string' } } as const;
  const { values, positionals } = parsed(() => parseArgs({ args, options, allowPositionals: true }));
  const unknown = positionals.filter((name) => ![...CASES, ...BY_NAME].some((one) => one.name === name));
  if (unknown.length > 0) throw new UsageError(`There is no bench "${unknown.join('", "')}".`);
  if (values.profile) {
    process.env.BENCH_PROFILE = resolve(values.profile);
    mkdirSync(process.env.BENCH_PROFILE, { recursive: true });
  }
  const cases =
    positionals.length === 0 ? CASES : [...CASES, ...BY_NAME].filter(({ name }) => positionals.includes(name));
  return { cases, json: values.json ?? keptByNpm('json'), quick: values.quick ?? keptByNpm('quick') };
}

/** Without the `--` before it npm takes an option for its own, and only says so here. */
function keptByNpm(option: 'json' | 'quick'): boolean {
  return process.env[`npm_config_${option}`] === 'true';
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Runs one case, and ends what it started. */
async function runCase(one: BenchCase, parts: Pick<BenchSite, 'brokers' | 'redisUrl' | 'quick'>) {
  const children: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.stop()));
  };
  const site: BenchSite = {
    ...parts,
    stop,
    tell: (text) => console.error(`${one.name}: ${text}`),
    start<A extends Answers>(module: URL, options?: ChildOptions): Child<A> {
      const child = Child.start<A>(module, options);
      children.push(child);
      return child;
    },
  };
  try {
    return await one.run(site);
  } finally {
    await stop();
  }
}

/** @returns whether every goal was reached */
async function run({ cases, json, quick }: Settings): Promise<boolean> {
  const parts = await startRealParts(new Set(cases.flatMap(({ needs }) => needs)));
  const rows: string[][] = [];
  let ok = true;
  try {
    for (const one of cases) {
      // A case that breaks is told, and the others still run.
      const figures = await runCase(one, { ...parts, quick }).catch((error: unknown) => {
        console.error(`${one.name}:`, error);
        ok = false;
        return [];
      });
      for (const figure of figures) {
        const line = judge(one.name, figure);
        ok &&= line.ok;
        rows.push(row(line, figure));
        if (json) process.stdout.write(`${JSON.stringify(line)}\n`);
      }
    }
    if (!json) process.stdout.write(`${table(rows)}\n${machine()}\n`);
  } finally {
    await parts.stop();
  }
  return ok;
}

/** What the figures are true of. */
function machine(): string {
  const [first] = cpus();
  return `Node ${process.version}, ${cpus().length} x ${first?.model ?? 'unknown'}, load ${loadavg()[0]!.toFixed(1)}`;
}

// Standard output is for figures; what is said on the way, by the servers' installation too, is for people.
console.log = console.error;
// With this process its children and servers end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    console.error(`Stopped by ${signal}.`);
    process.exit(130);
  });
}

try {
  process.exitCode = (await run(readSettings(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = 1;
}
