import type { CompareDocument, CompareRun } from '../compare/document';

export interface Chart {
  title: string;
  xLabel: string;
  yLabel: string;
  logX?: boolean;
  logY?: boolean;
  x: number[];
  lines: Line[];
}

interface Line {
  name: string;
  /** One for each x; null: nothing there. */
  y: (number | null)[];
  /** Ends of intervals, drawn as a band. */
  low?: (number | null)[];
  high?: (number | null)[];
}

/** Less than this cannot be told from nothing on a logarithmic axis. */
const MISS_FLOOR = 1e-5;
const UNBOUNDED = 1e308;

/**
 * For each workload: slowdown and misses over load per class, distributions and time series at the
 * highest load.
 */
export function chartsOf(document: CompareDocument): Chart[] {
  const workloads = unique(document.runs.map(({ workload }) => workload));
  if (workloads.length <= 1) return chartsOfOne(document);
  return workloads.flatMap((workload) => {
    const isOf = (one: { workload: string }): boolean => one.workload === workload;
    const { runs, cells } = document;
    const charts = chartsOfOne({ ...document, runs: runs.filter(isOf), cells: cells.filter(isOf) });
    return charts.map((chart) => ({ ...chart, title: `${workload}. ${chart.title}` }));
  });
}

function chartsOfOne(document: CompareDocument): Chart[] {
  const [first] = document.runs;
  if (first === undefined) return [];
  const classes = first.classes.map(({ name }) => name);
  const isOne = classes.length === 1;
  return [
    ...['p50', 'p99', 'p999'].map((q) =>
      slowdownOverLoad(document, `slowdown.${q}`, 'all classes'),
    ),
    ...(isOne
      ? []
      : classes.flatMap((name) =>
          ['p50', 'p99', 'p999'].map((q) =>
            slowdownOverLoad(document, `${name}/slowdown.${q}`, name),
          ),
        )),
    missesOverLoad(document, 'missRate', 'all classes'),
    ...(isOne ? [] : classes.map((name) => missesOverLoad(document, `${name}/missRate`, name))),
    ...classes.map((name, at) => distribution(document, name, at)),
    ...timeSeries(document),
  ].filter(({ x, lines }) => x.length > 0 && lines.some(({ y }) => y.some((one) => one !== null)));
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
const percentile = (metric: string): string =>
  ({ p50: 'median', p99: 'p99', p999: 'p99.9' })[metric.split('.').pop() ?? ''] ?? metric;

function overLoad(
  { cells, variants, loads }: CompareDocument & { loads: number[] },
  metric: string,
  floor: number,
): Line[] {
  return variants.map(({ name }) => {
    const medians = loads.map(
      (load) =>
        cells.find((one) => one.variant === name && one.load === load && one.metric === metric)
          ?.median,
    );
    const draw = (value: number | undefined): number | null =>
      value === undefined || Math.abs(value) >= UNBOUNDED ? null : Math.max(floor, value);
    return {
      name,
      y: medians.map((one) => draw(one?.estimate)),
      low: medians.map((one) => draw(one?.low)),
      high: medians.map((one) => draw(one?.high)),
    };
  });
}

const withLoads = (document: CompareDocument) => ({
  ...document,
  loads: unique(document.cells.map(({ load }) => load)).sort((a, b) => a - b),
});

function slowdownOverLoad(document: CompareDocument, metric: string, of: string): Chart {
  const extended = withLoads(document);
  return {
    title: `Slowdown over load: ${of}, ${percentile(metric)}`,
    xLabel: 'offered load',
    yLabel: 'slowdown',
    logY: true,
    x: extended.loads,
    lines: overLoad(extended, metric, 1e-3),
  };
}

function missesOverLoad(document: CompareDocument, metric: string, of: string): Chart {
  const extended = withLoads(document);
  return {
    title: `Deadlines missed over load: ${of}`,
    xLabel: 'offered load',
    yLabel: 'share missed (floor 0.00001)',
    logY: true,
    x: extended.loads,
    lines: overLoad(extended, metric, MISS_FLOOR),
  };
}

/** Runs of one variant at the highest load; the first repeat stands for all. */
function shown(document: CompareDocument): { name: string; run: CompareRun }[] {
  const highest = Math.max(...document.runs.map(({ load }) => load));
  return document.variants.flatMap(({ name }) => {
    const run = document.runs.find((one) => one.variant === name && one.load === highest);
    return run === undefined ? [] : [{ name, run }];
  });
}

function distribution(document: CompareDocument, of: string, at: number): Chart {
  const points = shown(document).map(({ name, run }) => ({
    name,
    cdf: (run.classes[at]?.cdf ?? []).filter(([value]) => value > 0),
  }));
  const x = unique(points.flatMap(({ cdf }) => cdf.map(([value]) => value))).sort((a, b) => a - b);
  return {
    title: `Distribution of slowdown at the highest load: ${of}`,
    xLabel: 'slowdown',
    yLabel: 'share of requests',
    logX: true,
    x,
    lines: points.map(({ name, cdf }) => ({ name, y: x.map((value) => shareAt(cdf, value)) })),
  };
}

function shareAt(cdf: readonly (readonly [number, number])[], value: number): number | null {
  const last = cdf.findLast(([point]) => point <= value);
  const isPast = value > (cdf.at(-1)?.[0] ?? 0);
  return last === undefined || isPast ? null : last[1];
}

function timeSeries(document: CompareDocument): Chart[] {
  const runs = shown(document);
  const x = unique(runs.flatMap(({ run }) => run.series.map(({ atS }) => atS)));
  x.sort((a, b) => a - b);
  const chart = (
    title: string,
    yLabel: string,
    of: (point: CompareRun['series'][number]) => number,
    logY: boolean,
  ): Chart => ({
    title: `${title} over time at the highest load`,
    xLabel: 'seconds',
    yLabel,
    logY,
    x,
    lines: runs.map(({ name, run }) => ({
      name,
      y: x.map((at) => {
        const point = run.series.find(({ atS }) => atS === at);
        return point === undefined || (logY && of(point) <= 0) ? null : of(point);
      }),
    })),
  });
  return [
    chart('p99 of sojourn time', 'microseconds', ({ p99Us }) => p99Us, true),
    chart('Answers', 'per interval', ({ answered }) => answered, false),
  ];
}
