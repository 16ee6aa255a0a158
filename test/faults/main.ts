import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { faultRun } from './fault.run.js';
import { isKept, reportText } from './report.js';

const ROOT = dirname(createRequire(import.meta.url).resolve('nestjs-kafka-socket/package.json'));
const PROTECTIONS = readdirSync(join(ROOT, 'test/faults/protections')).map((file) => file.replace('.mjs', ''));

const USAGE = `npm run test:faults -- [--seed N] [--minutes M] [...]

  --seed      of the faults and of the load; a random one is printed where none is given
  --minutes   how long faults happen (10)
  --clients   how many (200)
  --rate      commands a second, of all clients together (60)
  --faults    names of those that may happen, comma separated (all)
  --lag       records that a lag consists of (100000)
  --without   switches a protection off in the members, to see that the run finds it: ${PROTECTIONS.join(', ')}
  --json      the report as one object

Ends with 1 where a promise was not kept, and then keeps history, effects and the members' logs.`;

class UsageError extends Error {}

const string = { type: 'string' } as const;
const OPTIONS = {
  seed: string,
  minutes: string,
  clients: string,
  rate: string,
  faults: string,
  lag: string,
  without: string,
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

function settings(args: string[]) {
  try {
    const { values } = parseArgs({ args, options: OPTIONS });
    const number = (name: 'seed' | 'minutes' | 'clients' | 'rate' | 'lag', usual?: number): number | undefined => {
      const value = values[name] === undefined ? usual : Number(values[name]);
      if (Number.isNaN(value)) throw new UsageError(`--${name} (${values[name]}) is no number.`);
      return value;
    };
    if (values.help) throw new UsageError('What a run may be told:');
    const { without } = values;
    if (without !== undefined && !PROTECTIONS.includes(without)) throw new UsageError(`There is no "${without}".`);
    return {
      seed: number('seed') ?? Math.floor(Math.random() * 2 ** 31),
      lasts: number('minutes', 10)! * 60_000,
      clients: number('clients'),
      rate: number('rate'),
      lag: number('lag'),
      faults: values.faults?.split(','),
      without,
      json: values.json ?? false,
    };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function main(signal: AbortSignal): Promise<number> {
  const { json, ...plan } = settings(process.argv.slice(2));
  console.error(`seed ${plan.seed}`);
  const directory = mkdtempSync(join(tmpdir(), 'kafka-socket-faults-'));
  const begin = performance.now();
  const tell = (line: string): void =>
    console.error(`${((performance.now() - begin) / 1_000).toFixed(1).padStart(6)} ${line}`);
  tell(`all that happens stands in ${directory}`);
  const report = await faultRun({ ...plan, directory, tell, signal });
  process.stdout.write(
    json ? `${JSON.stringify({ seed: plan.seed, directory, ...report })}\n` : `${reportText(report)}\n`,
  );
  if (isKept(report)) {
    rmSync(directory, { recursive: true, force: true });
    return 0;
  }
  for (const { kind, text } of report.verdict.violations) console.error(`${kind}: ${text}`);
  console.error(`seed ${plan.seed}; the history is in ${directory}`);
  return 1;
}

// Standard output is for the report; what is said on the way, by the servers' installation too, is for people.
console.log = console.error;
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => stopping.abort(new Error(`Stopped by ${name}.`)));

try {
  // Not left to its own end: Node 20 has been seen to spin while it takes its environment down, with all of it closed.
  process.exit(await main(stopping.signal));
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error);
  process.exit(1);
}
