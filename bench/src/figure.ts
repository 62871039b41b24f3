import { median, quantileSorted } from 'simple-statistics';

/** One measured value, with everything needed to judge it. */
export interface Figure {
  name: string;
  unit: string;
  median: number;
  min: number;
  max: number;
  runs: number;
  ci95: [number, number];
  samples: number[];
}

const RESAMPLES = 2000;

/** Deterministic, so that the same samples give the same interval. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** 95 % interval of the median, by bootstrap. */
export function medianInterval(samples: readonly number[]): [number, number] {
  const random = seededRandom(samples.length);
  const medians: number[] = [];
  for (let round = 0; round < RESAMPLES; round += 1) {
    const resample = samples.map(() => samples[Math.floor(random() * samples.length)] ?? 0);
    medians.push(median(resample));
  }
  medians.sort((a, b) => a - b);
  return [quantileSorted(medians, 0.025), quantileSorted(medians, 0.975)];
}

/**
 * Summarises raw samples, one per round.
 * @throws Error when there are none: a figure without a measurement is never reported.
 */
export function figure(name: string, unit: string, samples: readonly number[]): Figure {
  if (samples.length === 0) throw new Error(`${name}: no samples`);
  return {
    name,
    unit,
    median: median([...samples]),
    min: Math.min(...samples),
    max: Math.max(...samples),
    runs: samples.length,
    ci95: medianInterval(samples),
    samples: [...samples],
  };
}

export { median };

/** exp of the mean logarithm. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
