/** Does the work once, and says what it cost. */
export type Variant<S> = () => Promise<S>;

/**
 * Runs variants in turn, round by round, so that whatever else the machine does in a minute falls on all of them; and begins each
 * round with another one, so that none always follows the same one. A first round warms up and is not counted.
 * @param warmUp how many rounds are not counted; none where each starts processes of its own
 * @returns the samples of each variant, in the order of the rounds
 */
export async function interleave<S, V extends string>(
  rounds: number,
  variants: Readonly<Record<V, Variant<S>>>,
  warmUp = 1,
): Promise<Record<V, S[]>> {
  const names = Object.keys(variants) as V[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as S[]])) as Record<V, S[]>;
  for (let round = -warmUp; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + warmUp + turn) % names.length]!;
      const sample = await variants[name]();
      if (round >= 0) samples[name].push(sample);
    }
  }
  return samples;
}
