import { Random } from '../../support/random.js';
import type { FaultKind } from './fault.js';

/** A fault that is to come. */
export interface PlannedFault {
  readonly kind: FaultKind;
  readonly variant: number;
  /** In milliseconds, between its injection and its healing. */
  readonly lasts: number;
  /** How long after the beginning of its round it is injected, in milliseconds. */
  readonly after: number;
}

/** Faults that are there at the same time, at most. */
const TOGETHER = 3;
/** Over how long the faults of a round begin, in milliseconds. */
const SPREAD = 4_000;

/**
 * Which faults come together, in which order, for ever: the same for the same seed and kinds. Each comes once before any comes again, so
 * that a run has all of them as soon as it can; those of one round take nothing away twice.
 */
export function* faultRounds(seed: number, kinds: readonly FaultKind[]): Generator<readonly PlannedFault[], never> {
  const random = new Random(seed);
  let waiting: FaultKind[] = [];
  for (;;) {
    if (waiting.length === 0) waiting = shuffled(kinds, random);
    const round = takeTogether(waiting, 1 + random.upTo(TOGETHER - 1));
    yield round.map((kind, index) => plan(kind, index, random));
  }
}

/** Takes the first one, and those behind it that may come with it. */
function takeTogether(waiting: FaultKind[], most: number): FaultKind[] {
  const taken: FaultKind[] = [];
  for (const kind of [...waiting]) {
    if (taken.length === most) break;
    const shares = taken.flatMap(({ takes }) => takes);
    if (kind.takes.some((share) => shares.includes(share))) continue;
    taken.push(kind);
    waiting.splice(waiting.indexOf(kind), 1);
  }
  return taken;
}

function plan(kind: FaultKind, index: number, random: Random): PlannedFault {
  const [least, most] = kind.lasts;
  return {
    kind,
    variant: random.upTo(kind.variants - 1),
    lasts: least + random.upTo(most - least),
    after: index === 0 ? 0 : random.upTo(SPREAD),
  };
}

function shuffled<T>(of: readonly T[], random: Random): T[] {
  const left = [...of];
  return of.map(() => left.splice(random.upTo(left.length - 1), 1)[0]!);
}
