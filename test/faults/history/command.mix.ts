import type { Random } from '../../support/random.js';

/** A command as it is sent. */
export interface DrawnCommand {
  readonly name: string;
  /** Milliseconds. */
  readonly ttl: number;
  /** What its payload holds beside the number. */
  readonly payload: { readonly ms?: number | string };
  /** Whether those of one key go to the same lane; slow ones would hold up all behind them. */
  readonly shared: boolean;
}

interface Kind {
  readonly name: string;
  /** How many of a hundred. */
  readonly share: number;
  readonly ttl: number;
  readonly shared: boolean;
}

/** Longer than any of the faults that members survive, so that most of what is asked for is carried out. */
export const LONG = 25_000;
/** How far from the time to live slow work ends at most, in milliseconds. */
const EDGE = 15;

export const COMMANDS = {
  quick: { name: 'Quick', share: 50, ttl: LONG, shared: true },
  nest: { name: 'Nest', share: 14, ttl: LONG, shared: true },
  slow: { name: 'Slow', share: 10, ttl: 4_000, shared: false },
  fail: { name: 'Fail', share: 6, ttl: LONG, shared: true },
  reject: { name: 'Reject', share: 8, ttl: LONG, shared: true },
  never: { name: 'Never', share: 4, ttl: 3_000, shared: true },
  /** A quick one whose payload is not what it should be. */
  invalid: { name: 'Quick', share: 8, ttl: LONG, shared: true },
} satisfies Record<string, Kind>;

/** @param way how long a command takes to its handler and back, in milliseconds */
export function drawCommand(random: Random, way: number): DrawnCommand {
  let left = random.next() * 100;
  const kinds = Object.values(COMMANDS);
  const kind = kinds.find(({ share }) => (left -= share) < 0) ?? COMMANDS.quick;
  const { name, ttl, shared } = kind;
  if (kind === COMMANDS.invalid) return { name, ttl, shared, payload: { ms: 'soon' } };
  if (kind !== COMMANDS.slow) return { name, ttl, shared, payload: {} };
  const ms = Math.max(0, Math.round(ttl - way + (random.next() * 2 - 1) * EDGE));
  return { name, ttl, shared, payload: { ms } };
}
