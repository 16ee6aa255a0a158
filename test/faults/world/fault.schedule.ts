import { setTimeout as pause } from 'node:timers/promises';
import type { Fault, FaultKind, FaultRecord, FaultScene } from './fault.js';
import { faultRounds, type PlannedFault } from './fault.plan.js';
import { FAULTS } from './faults.js';
import { Witness } from './witness.js';
import { membersOf, type World } from './world.js';

/** How long the world may take to be as it was, in milliseconds. */
const RECOVERY_LIMIT = 60_000;

export interface FaultRunOptions {
  readonly seed: number;
  /** When no further fault begins: after so many milliseconds, or when it is aborted. Those that are there are healed then. */
  readonly until: number | AbortSignal;
  /** Names of the faults that may happen. Left out: all of them. */
  readonly faults?: readonly string[];
  /** Records that a lag consists of. @default 100_000 */
  readonly lag?: number;
  readonly tell: (line: string) => void;
}

/**
 * Lets things go wrong, one to three at a time, until the time is over, and waits after each round until all is well again. The order, the
 * mixes and whom they meet are the same for the same seed; only how many there are hangs on how fast the machine is.
 */
export async function runFaults(world: World, options: FaultRunOptions): Promise<FaultRecord[]> {
  const { seed, until, lag = 100_000, tell } = options;
  const signal = typeof until === 'number' ? AbortSignal.timeout(until) : until;
  const witness = new Witness(world);
  const records: FaultRecord[] = [];
  let round = 0;
  try {
    for (const planned of faultRounds(seed, chosen(options.faults))) {
      if (signal.aborted) break;
      const found = await runRound({ world, lag, signal, tell }, planned);
      const begin = performance.now();
      const missing = await witness.recovery(RECOVERY_LIMIT);
      const recovered = missing.length === 0 ? { recovered: performance.now() - begin } : {};
      tell(missing.length === 0 ? `well again after ${Math.round(recovered.recovered!)} ms` : missing.join('; '));
      const number = ++round;
      records.push(
        ...found.map(({ lies, ...one }) => ({ ...one, ...recovered, round: number, lies: [...lies, ...missing] })),
      );
    }
  } finally {
    witness.close();
  }
  return records;
}

function chosen(names?: readonly string[]): readonly FaultKind[] {
  if (!names) return FAULTS;
  return names.map((name) => {
    const kind = FAULTS.find((one) => one.name === name);
    if (kind) return kind;
    throw new Error(`There is no fault "${name}". There are: ${FAULTS.map((one) => one.name).join(', ')}.`);
  });
}

interface RoundScene extends FaultScene {
  readonly tell: (line: string) => void;
}

type RoundRecord = Omit<FaultRecord, 'round' | 'recovered'>;

/** Heals all of them even where one throws, and throws then. */
async function runRound(scene: RoundScene, round: readonly PlannedFault[]): Promise<RoundRecord[]> {
  const ended = await Promise.allSettled(round.map((planned) => happen(scene, planned)));
  return ended.flatMap((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value ?? [];
  });
}

async function happen(
  scene: RoundScene,
  { kind, variant, lasts, after }: PlannedFault,
): Promise<RoundRecord | undefined> {
  const { world, signal, tell } = scene;
  const wait = (time: number) => pause(time, undefined, { signal }).catch(() => undefined);
  await wait(after);
  if (signal.aborted) return undefined;
  const fault = kind.meet(scene, variant);
  const at = Date.now();
  const begin = performance.now();
  tell(`${kind.name} (${fault.target}), for ${lasts} ms`);
  let lies: string[] = [];
  try {
    await fault.inject();
    await wait(lasts);
    // One that was cut short may not have been noticed yet.
    if (!signal.aborted) lies = await saidReady(world, fault);
  } finally {
    await fault.heal();
  }
  tell(`${kind.name} (${fault.target}) healed`);
  for (const lie of lies) tell(lie);
  const took = fault.took?.();
  if (took === false) tell(`${kind.name} (${fault.target}) met nobody`);
  const lasted = performance.now() - begin;
  return { fault: kind.name, target: fault.target, at, lasted, lies, ...(took !== undefined && { took }) };
}

/** Who says that it is ready though it cannot do its part. */
async function saidReady(world: World, { disabled = [] }: Fault): Promise<string[]> {
  const members = membersOf(world).filter(({ name }) => disabled.includes(name));
  const ready = await Promise.all(members.map((member) => member.isReady()));
  return members.filter((_, index) => ready[index]).map(({ name }) => `${name} said that it was ready, and was not`);
}
