import type { Verdict } from './history/checker.js';
import { checkUse, type MemberUse } from './history/use.check.js';
import { Violations } from './history/violation.js';
import { LoadedWorld, type LoadPlan } from './loaded.world.js';
import type { FaultRecord } from './world/fault.js';
import { runFaults } from './world/fault.schedule.js';
import { membersOf } from './world/world.js';

export interface FaultPlan extends LoadPlan {
  /** How long faults happen, in milliseconds. */
  readonly lasts: number;
  /** Names of the faults. Left out: all. */
  readonly faults?: readonly string[];
  /** Records that a lag consists of. @default 100_000 */
  readonly lag?: number;
  /** Ends the faults early. */
  readonly signal?: AbortSignal;
}

export interface FaultReport {
  readonly verdict: Verdict;
  readonly faults: readonly FaultRecord[];
  readonly use: { readonly before: readonly MemberUse[]; readonly after: readonly MemberUse[] };
}

/** Load before the base line is taken, so that everything has been used once, in milliseconds. */
const WARM_UP = 8_000;
/** Load after the last fault, to see that all is carried out again, in milliseconds. */
const AFTERWARDS = 5_000;

/** A whole run: world, load, faults, and the verdict on what came of it. */
export async function faultRun(plan: FaultPlan): Promise<FaultReport> {
  const { tell } = plan;
  const loaded = await LoadedWorld.open(plan);
  try {
    tell('warming up');
    await loaded.calm(WARM_UP);
    const before = await loaded.useAtRest();
    tell('faults begin');
    const faults = await loaded.load(true, () => breakThings(loaded, plan));
    tell('calm again');
    await loaded.calm(AFTERWARDS);
    const after = await loaded.useAtRest();
    const violations = new Violations();
    checkUse(before, after, violations);
    checkFaults(faults, violations);
    for (const mishap of mishapsOf(loaded)) violations.add('false', mishap);
    return { faults, use: { before, after }, verdict: await loaded.judge(violations, faults) };
  } catch (error) {
    const mishaps = mishapsOf(loaded); // who has gone cannot be asked either
    throw mishaps.length > 0 ? new Error(mishaps.join('; '), { cause: error }) : error;
  } finally {
    await loaded.close();
  }
}

async function breakThings(
  { world }: LoadedWorld,
  { seed, lasts, faults, lag, tell, signal }: FaultPlan,
): Promise<FaultRecord[]> {
  // AbortSignal.any of a time-out's signal never comes on Node 20: the garbage collector takes the one that it waits for.
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const timer = setTimeout(end, lasts);
  signal?.addEventListener('abort', end);
  if (signal?.aborted) end();
  try {
    return await runFaults(world, { seed, until: ending.signal, tell, faults, lag });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}

/** Members that ended though nobody asked them to, or did not where somebody had. */
function mishapsOf({ world }: LoadedWorld): string[] {
  return membersOf(world).flatMap(({ name, mishaps }) => mishaps.map((mishap) => `${name} ${mishap}`));
}

function checkFaults(faults: readonly FaultRecord[], violations: Violations): void {
  for (const { fault, target, lies, recovered } of faults) {
    for (const lie of lies) violations.add('false', `${fault} (${target}): ${lie}`);
    if (recovered === undefined)
      violations.add('lost', `${fault} (${target}): not all was well again after it in time`);
  }
}
