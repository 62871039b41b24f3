import { medianInterval, pairedRatioInterval } from '../statistics';
import type { Interval } from '../statistics';
import type { CompareCell, CompareRun, Comparison, Verdict } from './document';

/** JSON has no infinity. */
const UNBOUNDED = 1e308;

type Metric = readonly [name: string, kind: Comparison['kind'], of: (run: CompareRun) => number];

const QUANTILES = ['p50', 'p99', 'p999'] as const;

function metricsOf(run: CompareRun): Metric[] {
  const slowdowns = QUANTILES.map((q): Metric => [
    `slowdown.${q}`,
    'ratio',
    (one) => one.slowdown[q],
  ]);
  const classes = run.classes.flatMap(({ name }, at): Metric[] => [
    ...QUANTILES.map((q): Metric => [
      `${name}/slowdown.${q}`,
      'ratio',
      (one) => one.classes[at]?.slowdown[q] ?? NaN,
    ]),
    [`${name}/missRate`, 'difference', (one) => one.classes[at]?.missRate ?? NaN],
  ]);
  return [
    ...slowdowns,
    ['missRate', 'difference', (one) => one.missRate],
    ['goodputRps', 'ratio', (one) => one.goodputRps],
    ...(run.classes.length > 1 ? classes : []),
  ];
}

const bounded = ({ estimate, low, high }: Interval): Interval => ({
  estimate: finite(estimate, 0),
  low: finite(low, -UNBOUNDED),
  high: finite(high, UNBOUNDED),
});

const finite = (value: number, otherwise: number): number =>
  Number.isFinite(value) ? value : otherwise;

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];

/** Medians of every metric, per variant and load, with their intervals. */
export function cellsOf(runs: readonly CompareRun[], confidence: number): CompareCell[] {
  const cells: CompareCell[] = [];
  for (const group of groups(runs)) {
    const [first] = group;
    if (first === undefined) continue;
    for (const [metric, , of] of metricsOf(first)) {
      const median = bounded(medianInterval(group.map(of), confidence));
      const { workload, variant, load } = first;
      cells.push({ workload, variant, load, metric, median });
    }
  }
  return cells;
}

function groups(runs: readonly CompareRun[]): CompareRun[][] {
  const keyOf = (run: CompareRun) => JSON.stringify([run.workload, run.load, run.variant]);
  const byKey = new Map<string, CompareRun[]>();
  for (const run of runs) byKey.set(keyOf(run), [...(byKey.get(keyOf(run)) ?? []), run]);
  return [...byKey.values()];
}

/** Every later variant beside the first, run by run, for each workload and load. */
export function comparisonsOf(runs: readonly CompareRun[], confidence: number): Comparison[] {
  return unique(runs.map(({ workload }) => workload)).flatMap((workload) =>
    comparisonsOfOne(
      runs.filter((run) => run.workload === workload),
      workload,
      confidence,
    ),
  );
}

function comparisonsOfOne(
  runs: readonly CompareRun[],
  workload: string,
  confidence: number,
): Comparison[] {
  const [a, ...others] = unique(runs.map(({ variant }) => variant));
  const [first] = runs;
  if (a === undefined || first === undefined) return [];
  return unique(runs.map(({ load }) => load)).flatMap((load) =>
    others.flatMap((b) => {
      const pairs = pairsOf(runs, load, a, b);
      return metricsOf(first).map(([metric, kind, of]): Comparison => {
        const change = changeOf(pairs, kind, of, confidence);
        const verdict = verdictOf(change, kind);
        return { workload, a, b, load, metric, kind, change: bounded(change), verdict };
      });
    }),
  );
}

type Pair = readonly [a: CompareRun, b: CompareRun];

/** Runs of one repeat saw the same requests, one soon after the other. */
function pairsOf(runs: readonly CompareRun[], load: number, a: string, b: string): Pair[] {
  const of = (variant: string): CompareRun[] =>
    runs.filter((run) => run.load === load && run.variant === variant);
  return of(a).flatMap((one): Pair[] => {
    const other = of(b).find(({ repeat }) => repeat === one.repeat);
    return other === undefined ? [] : [[one, other]];
  });
}

function changeOf(
  pairs: readonly Pair[],
  kind: Comparison['kind'],
  of: Metric[2],
  confidence: number,
): Interval {
  if (kind === 'difference') {
    const differences = pairs.map(([a, b]) => of(b) - of(a));
    return medianInterval(differences, confidence);
  }
  const sound = pairs.filter(([a, b]) => of(a) > 0 && of(b) > 0);
  if (sound.length < pairs.length) return { estimate: NaN, low: -Infinity, high: Infinity };
  return pairedRatioInterval(
    sound.map(([, b]) => of(b)),
    sound.map(([a]) => of(a)),
    confidence,
  );
}

/** No verdict where the interval has no ends, or holds "no change". */
export function verdictOf({ low, high }: Interval, kind: Comparison['kind']): Verdict {
  const isOpen = kind === 'ratio' ? !(low > 0) || high === Infinity : low === -Infinity;
  if (isOpen || Number.isNaN(high)) return 'too few runs';
  const same = kind === 'ratio' ? 1 : 0;
  if (high < same) return 'lower';
  return low > same ? 'higher' : 'within noise';
}
