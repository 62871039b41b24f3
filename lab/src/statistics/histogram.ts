import { build } from 'hdr-histogram-js';
import type { Histogram } from 'hdr-histogram-js';
import type JsHistogram from 'hdr-histogram-js/dist/JsHistogram';

/** Three significant digits: a value differs from what was recorded by less than 0.1 %. */
const DIGITS = 3;

/** Values and how often, ascending, as one flat list: value, count, value, count ... */
export type Buckets = ArrayLike<number>;

/**
 * A histogram of times (integer ns) or of ratios (scaled to integers), with bounded memory and
 * three significant digits. Sum, least and largest value are exact.
 */
export class LatencyHistogram {
  private readonly histogram: Histogram = build({
    bitBucketSize: 64,
    autoResize: true,
    numberOfSignificantValueDigits: DIGITS,
    useWebAssembly: false,
  });
  private total = 0;
  private least = Infinity;
  private largest = 0;

  /** @param value >= 0; below 2^53; a fraction is cut off. */
  record(value: number, count = 1): void {
    if (count <= 0) return;
    const whole = Math.floor(value);
    this.histogram.recordValueWithCount(whole, count);
    this.total += whole * count;
    this.least = Math.min(this.least, whole);
    this.largest = Math.max(this.largest, whole);
  }

  /** Buckets of another histogram; `sum` is exact where the caller knows it. */
  recordBuckets(buckets: Buckets, sum?: number): void {
    const before = this.total;
    for (let at = 0; at + 1 < buckets.length; at += 2) {
      this.record(buckets[at] ?? 0, buckets[at + 1] ?? 0);
    }
    if (sum !== undefined) this.total = before + sum;
  }

  add(other: LatencyHistogram): void {
    this.recordBuckets(other.buckets(), other.sum);
    this.least = Math.min(this.least, other.least);
    this.largest = Math.max(this.largest, other.largest);
  }

  get count(): number {
    return this.histogram.totalCount;
  }

  get sum(): number {
    return this.total;
  }

  /** 0 when nothing was recorded. */
  get mean(): number {
    return this.count === 0 ? 0 : this.total / this.count;
  }

  get min(): number {
    return this.count === 0 ? 0 : this.least;
  }

  get max(): number {
    return this.largest;
  }

  /** @param percent 0 to 100. @returns the value that this share of all lies at or below. */
  percentile(percent: number): number {
    if (this.count === 0) return 0;
    return Math.min(this.histogram.getValueAtPercentile(percent), this.largest);
  }

  /** What was recorded: the least value of each bucket that holds something, and its count. */
  buckets(): number[] {
    const inner = this.histogram as JsHistogram;
    const list: number[] = [];
    for (let at = 0; at < inner.countsArrayLength; at++) {
      const count = inner.getCountAtIndex(at);
      if (count > 0) list.push(inner.valueFromIndex(at), count);
    }
    return list;
  }
}
