import { figure, geometricMean, medianInterval } from '../src/figure';
import { pairedRatios, interleave } from '../src/rounds';

describe('figures', () => {
  test('a figure keeps its raw samples and their median, extremes and count', () => {
    expect(figure('a', 'ns', [3, 1, 2])).toMatchObject({
      name: 'a',
      unit: 'ns',
      median: 2,
      min: 1,
      max: 3,
      runs: 3,
      samples: [3, 1, 2],
    });
  });

  test('a figure without a sample is refused', () => {
    expect(() => figure('a', 'ns', [])).toThrow('no samples');
  });

  test('the interval of the median holds it, narrows with agreement, and is repeatable', () => {
    const wide = medianInterval([1, 5, 9, 2, 8, 4, 6, 3, 7]);
    const narrow = medianInterval([5, 5.1, 4.9, 5, 5.1, 4.9, 5, 5, 5]);
    expect(wide[0]).toBeLessThanOrEqual(5);
    expect(wide[1]).toBeGreaterThanOrEqual(5);
    expect(narrow[1] - narrow[0]).toBeLessThan(wide[1] - wide[0]);
    expect(medianInterval([1, 5, 9, 2, 8, 4, 6, 3, 7])).toEqual(wide);
  });

  test('the geometric mean of ratios treats a double and a half as equal', () => {
    expect(geometricMean([2, 0.5])).toBeCloseTo(1, 12);
  });
});

describe('rounds', () => {
  test('variants take turns, warm-ups are dropped, and pairs share their round', async () => {
    const order: string[] = [];
    let clock = 0;
    const variant = (name: 'a' | 'b', factor: number) => ({
      name,
      sample: () => {
        order.push(name);
        clock += 1;
        return Promise.resolve(factor * Math.ceil(clock / 2));
      },
    });
    const samples = await interleave([variant('a', 2), variant('b', 1)], 3);
    expect(order.join('')).toBe('abbaabba');
    expect(pairedRatios(samples.a, samples.b)).toEqual([2, 2, 2]);
  });
});
