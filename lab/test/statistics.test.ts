import {
  LatencyHistogram,
  meanInterval,
  medianInterval,
  pairedRatioInterval,
  relativeHalfWidth,
  tQuantile,
} from '@sledge/lab';

describe('a latency histogram', () => {
  const uniform = () => {
    const histogram = new LatencyHistogram();
    for (let value = 1; value <= 100_000; value++) histogram.record(value);
    return histogram;
  };

  test('gives every percentile of what was recorded to three digits', () => {
    const histogram = uniform();
    for (const percent of [1, 50, 90, 99, 99.9, 99.99]) {
      const ratio = histogram.percentile(percent) / (1000 * percent);
      expect(ratio).toBeGreaterThan(0.999);
      expect(ratio).toBeLessThan(1.001);
    }
    expect(histogram.percentile(100)).toBe(100_000);
  });

  test('keeps count, sum, least and largest exactly', () => {
    const histogram = uniform();
    const { count, sum, min, max, mean } = histogram;
    expect({ count, sum, min, max, mean }).toEqual({
      count: 100_000,
      sum: 5_000_050_000,
      min: 1,
      max: 100_000,
      mean: 50_000.5,
    });
  });

  test('is the same after a way through its buckets', () => {
    const copy = new LatencyHistogram();
    copy.add(uniform());
    expect(copy.buckets()).toEqual(uniform().buckets());
    expect(copy.mean).toBe(uniform().mean);
    expect(copy.max).toBe(100_000);
  });

  test('that is empty is zero everywhere', () => {
    const empty = new LatencyHistogram();
    const { count, mean, min, max } = empty;
    expect([count, mean, min, max, empty.percentile(99)]).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('intervals', () => {
  test('Student quantiles are those of the tables', () => {
    expect(tQuantile(0.99, 29)).toBeCloseTo(2.756, 3);
    expect(tQuantile(0.95, 4)).toBeCloseTo(2.776, 3);
  });

  test('the mean of replications has the interval of the textbook', () => {
    const interval = meanInterval([9, 10, 11, 12, 8], 0.95);
    expect(interval.estimate).toBe(10);
    expect(interval.high).toBeCloseTo(10 + (2.7764 * 1.5811) / Math.sqrt(5), 3);
    expect(relativeHalfWidth(interval)).toBeCloseTo(0.1963, 3);
    expect(meanInterval([5], 0.95).high).toBe(Infinity);
  });

  test('the interval of a median lies between the order statistics of the sign test', () => {
    const values = Array.from({ length: 10 }, (_, at) => at + 1);
    // For ten values the 2nd and the 9th bound the median with 97.9 %.
    expect(medianInterval(values, 0.95)).toEqual({ estimate: 5.5, low: 2, high: 9 });
    expect(medianInterval([1, 2, 3], 0.95).low).toBe(-Infinity);
  });

  test('pairs that are twice as large have a ratio of two, without doubt', () => {
    const b = [1, 5, 2, 8, 3, 9, 4, 7];
    const { estimate, low, high } = pairedRatioInterval(
      b.map((value) => 2 * value),
      b,
      0.95,
    );
    expect(estimate).toBeCloseTo(2);
    expect(low).toBeCloseTo(2);
    expect(high).toBeCloseTo(2);
    expect(() => pairedRatioInterval([1], [], 0.95)).toThrow(RangeError);
  });
});
