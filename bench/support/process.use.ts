import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** After the first collection some things can go that others still held. */
const COLLECTIONS = 3;
/** How often memory is looked at, in milliseconds. */
const LOOK_EVERY = 50;

/** Bytes. */
export interface Memory {
  readonly rss: number;
  /** What JavaScript holds, and what it holds outside its heap. */
  readonly held: number;
}

let peak: Memory = { rss: 0, held: 0 };
let looking: NodeJS.Timeout | undefined;

function memory(): Memory {
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, held: heapUsed + external };
}

function look(): void {
  const { rss, held } = memory();
  peak = { rss: Math.max(peak.rss, rss), held: Math.max(peak.held, held) };
}

/** Collects garbage as it is done when memory runs short; a flag at the start would hold for all that is measured. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < COLLECTIONS; turn++) gc();
}

/** What a child answers about itself. */
export const processUse = {
  /** Processor time so far, of all threads, in milliseconds. */
  cpu(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  },

  /** Looks for the most memory from now on. */
  watchMemory(): void {
    clearInterval(looking);
    peak = memory();
    looking = setInterval(look, LOOK_EVERY);
  },

  /** What is still held when nothing is left that could be let go. */
  settledMemory(): Memory {
    collect();
    return memory();
  },

  /** The most since then. */
  peakMemory: (): Memory => peak,
};
