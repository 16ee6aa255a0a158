import fc from 'fast-check';

/** The seed of a hostile run: of `FAST_CHECK_SEED`, to have a run that failed once more, or a new one. */
export function hostileSeed(): number {
  const given = process.env['FAST_CHECK_SEED'];
  return given === undefined || given === '' ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}

/** Four numbers each, from which a mutation is chosen: drawn by fast-check, and far cheaper than what they stand for. */
export type Draw = readonly [number, number, number, number];

const natural = fc.noBias(fc.nat()); // else most are 0, or nearly the largest
const draw = fc.tuple(natural, natural, natural, natural);

/** As many draws as are wanted, the same for the same seed. */
export function draws(seed: number, count: number): Draw[] {
  return fc.sample(draw, { seed, numRuns: count });
}

/** One of a list, by a number that was drawn. */
export function pick<T>(from: readonly T[], number: number): T {
  return from[number % from.length]!;
}
