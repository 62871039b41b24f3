import { jStat } from 'jstat';

export const mean = (values: readonly number[]): number => jStat.mean([...values]);
export const median = (values: readonly number[]): number => jStat.median([...values]);

/** An estimate with what it may be off by. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Confidence interval of the mean of independent replications (Student's t).
 * @param values one per replication, at least two for a finite interval
 * @param confidence such as 0.99
 */
export function meanInterval(values: readonly number[], confidence: number): Interval {
  const estimate = mean(values);
  if (values.length < 2) return { estimate, low: -Infinity, high: Infinity };
  const half =
    (tQuantile(confidence, values.length - 1) * jStat.stdev([...values], true)) /
    Math.sqrt(values.length);
  return { estimate, low: estimate - half, high: estimate + half };
}

/** Half the width of an interval, as a share of its estimate. */
export function relativeHalfWidth({ estimate, low, high }: Interval): number {
  return (high - low) / 2 / Math.abs(estimate);
}

/**
 * Confidence interval of the median from order statistics: exact, and free of any assumption on the
 * distribution. Its real confidence is at least `confidence`; where so few values cannot give it,
 * the interval is infinite.
 */
export function medianInterval(values: readonly number[], confidence: number): Interval {
  const sorted = [...values].sort((a, b) => a - b);
  const estimate = sorted.length === 0 ? NaN : median(sorted);
  const n = sorted.length;
  // P(fewer than k of n lie below the median), k as large as the tails allow.
  let tail = 0.5 ** n;
  let k = 0;
  let term = tail;
  const allowed = (1 - confidence) / 2;
  while (tail <= allowed && k < n / 2) {
    k += 1;
    term = (term * (n - k + 1)) / k;
    tail += term;
  }
  if (k === 0) return { estimate, low: -Infinity, high: Infinity };
  return { estimate, low: sorted[k - 1] ?? -Infinity, high: sorted[n - k] ?? Infinity };
}

/**
 * Interval of the ratio a/b of paired runs: the median of the logarithms of the pairs' ratios.
 * Above or below 1 as a whole: a differs from b; else the difference is within noise.
 * @throws RangeError when the lists differ in length
 */
export function pairedRatioInterval(
  a: readonly number[],
  b: readonly number[],
  confidence: number,
): Interval {
  if (a.length !== b.length) throw new RangeError('Paired runs come in pairs.');
  const logs = a.map((value, at) => Math.log(value / (b[at] ?? NaN)));
  const { estimate, low, high } = medianInterval(logs, confidence);
  return { estimate: Math.exp(estimate), low: Math.exp(low), high: Math.exp(high) };
}

/** What half the interval of `confidence` of Student's t is, with so many degrees of freedom. */
export function tQuantile(confidence: number, degreesOfFreedom: number): number {
  return jStat.studentt.inv(1 - (1 - confidence) / 2, degreesOfFreedom);
}
