import parse from 'parse-prometheus-text-format';
import { exposition } from '../src/metrics/exposition';
import { boundOf, secondsOf, slowdownOf } from '../src/metrics/histogram';
import { functionMetricsOf, HISTOGRAM, HISTOGRAMS } from '../src/metrics/layout';
import { METRICS } from '../src/metrics/table';
import type { MetricSources } from '../src/metrics/table';
import { seededRandom } from '../src/plugins/random';

const NUMBERS = 27 + HISTOGRAMS.length * (1 + HISTOGRAM.cells);

/** Into the cell whose bounds it lies between, by search: another way than the native part's. */
function cellsOf(values: readonly number[]): Float64Array {
  const cells = new Float64Array(HISTOGRAM.cells);
  for (const value of values) {
    let cell = 0;
    while (value > boundOf(cell)) cell += 1;
    cells[cell] = (cells[cell] as number) + 1;
  }
  return cells;
}

function sources(tenant: string): MetricSources {
  const numbers = Float64Array.from({ length: NUMBERS }, (_, at) => at);
  const metrics = functionMetricsOf(numbers);
  return {
    isReady: true,
    stats: { slotsTotal: 7, 'http.open': 3 },
    tenants: () => [],
    functions: [{ tenant, function: 'fib', metrics, inFlight: 2, queued: 1 }],
    workers: [],
    groups: [],
  };
}

test('quantiles are at most a quarter above those of the values themselves', () => {
  const random = seededRandom(7);
  for (const scale of [2_000, 1e6, 1e9]) {
    const values = Array.from({ length: 5_000 }, () => Math.ceil(-Math.log(random()) * scale));
    values.sort((a, b) => a - b);
    const { quantiles, count } = secondsOf({ sum: 0, cells: cellsOf(values) });
    expect(count).toBe(5_000);
    for (const [name, quantile] of [
      ['p50', 0.5],
      ['p99', 0.99],
      ['p999', 0.999],
    ] as const) {
      const exact = values[Math.ceil(quantile * values.length) - 1] as number;
      const estimate = (quantiles[name] as number) * 1e9;
      expect(estimate).toBeGreaterThanOrEqual(Math.min(exact, 1024));
      expect(estimate).toBeLessThanOrEqual(Math.max(exact, 1024) * 1.25);
    }
  }
});

test('a bucket counts what is not above its bound, and a slowdown of 1 lies in the first', () => {
  const { buckets, sum } = slowdownOf({ sum: 3072, cells: cellsOf([1024, 1025, 2048]) });
  expect(sum).toBe(3);
  expect(buckets.slice(0, 3)).toEqual([
    [1, 1],
    [2, 3],
    [4, 3],
  ]);
  expect(buckets.at(-1)).toEqual([2 ** 26, 3]);
});

test('without values, and beyond the last bound, there is no quantile', () => {
  const none = { p50: null, p90: null, p99: null, p999: null };
  expect(secondsOf({ sum: 0, cells: new Float64Array(HISTOGRAM.cells) }).quantiles).toEqual(none);
  const beyond = secondsOf({ sum: 0, cells: cellsOf([2 ** 40]) });
  expect([beyond.quantiles, beyond.count, beyond.buckets.at(-1)?.[1]]).toEqual([none, 1, 0]);
});

test('a Prometheus parser reads what is written, whatever the tenant is called', () => {
  const tenant = 'a "b" \\ c, d} e=';
  const text = [...exposition(sources(tenant))].join('');
  const byName = new Map(parse(text).map((family) => [family.name, family]));
  expect(byName.get('sledge_slowdown')?.type).toBe('HISTOGRAM');
  // this parser loses the labels of histograms, unless it does not know that they are some
  const untyped = parse(text.replaceAll(/^# TYPE .*\n/gm, ''));
  const plain = new Map(untyped.map((family) => [family.name, family.metrics]));
  const labels = { tenant, function: 'fib' };
  expect(byName.get('sledge_arena_slots')?.metrics).toEqual([{ value: '7' }]);
  expect(byName.get('sledge_requests_accepted_total')?.metrics).toEqual([{ labels, value: '0' }]);
  expect(byName.get('sledge_transport_events')?.metrics).toEqual([
    { labels: { transport: 'http', event: 'open' }, value: '3' },
  ]);
  const buckets = plain.get('sledge_slowdown_bucket') as {
    labels: { le: string };
    value: string;
  }[];
  const counts = buckets.map(({ value }) => Number(value));
  expect(plain.get('sledge_slowdown_count')).toEqual([{ labels, value: String(counts.at(-1)) }]);
  expect(buckets.at(-1)?.labels).toEqual({ ...labels, le: '+Inf' });
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
});

test('a placement has what it kept, and what became of requests at each peer', () => {
  const local = { local: 5, run_here: 2, failed: 0, ended: 1, refused_there: 2 };
  const counted = { ...local, forwarded: 4, refused: 0, unsent: 0, lost: 0 };
  const results = { ended: 1, refused: 2, unsent: 0, lost: 0 };
  const placement = {
    ...{ placement: 'local-first', counted, away: 1 },
    peers: [{ node: 'far', sent: 4, results }],
  };
  const stats = { 'placement.local': 5, 'placement.spilled': 4 };
  const text = [...exposition({ ...sources('acme'), stats, placement })].join('');
  const byName = new Map(parse(text).map((family) => [family.name, family.metrics]));
  const labels = { placement: 'local-first' };
  expect(byName.get('sledge_placement_local_total')).toEqual([{ labels, value: '3' }]);
  expect(byName.get('sledge_placement_failed_over_total')).toEqual([{ labels, value: '2' }]);
  expect(byName.get('sledge_peer_requests_total')).toEqual(
    Object.entries(results).map(([result, count]) => ({
      labels: { ...labels, node: 'far', result },
      value: String(count),
    })),
  );
  // what is its own is told as it tells it, and nothing twice
  expect(byName.get('sledge_transport_events')).toEqual([
    { labels: { transport: 'placement', event: 'spilled' }, value: '4' },
  ]);
});

test('every metric has a name, labels and help that Prometheus takes, once', () => {
  const names = METRICS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, type, help, label = 'none' } of METRICS) {
    expect(name).toMatch(/^(sledge|process)_[a-z_]+$/);
    expect(label).toMatch(/^[a-z]+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(help).toMatch(/\.$/);
  }
});
