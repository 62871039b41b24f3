/** A variant under measurement: one call is one sample. */
export interface Variant<Name extends string> {
  name: Name;
  sample(): Promise<number>;
}

/**
 * Measures variants in interleaved rounds, so that a slow minute of the machine hits all of them;
 * the order turns round by round. The first `warmUps` rounds are not kept.
 * @returns per variant one sample a round, index for index from the same round
 */
export async function interleave<Name extends string>(
  variants: readonly Variant<Name>[],
  rounds: number,
  warmUps = 1,
): Promise<Record<Name, number[]>> {
  const samples = Object.fromEntries(variants.map(({ name }) => [name, [] as number[]])) as Record<
    Name,
    number[]
  >;
  for (let round = -warmUps; round < rounds; round += 1) {
    const shift = (round + warmUps) % variants.length;
    for (const variant of [...variants.slice(shift), ...variants.slice(0, shift)]) {
      const value = await variant.sample();
      if (round >= 0) samples[variant.name].push(value);
    }
  }
  return samples;
}

/** Ratios of samples of the same round. */
export function pairedRatios(above: readonly number[], below: readonly number[]): number[] {
  return above.map((value, round) => value / (below[round] ?? Number.NaN));
}
