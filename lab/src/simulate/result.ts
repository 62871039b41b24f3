import type { NativeClassResult, NativeSimulationResult } from '@sledge/core';
import { LatencyHistogram } from '../statistics';
import { clusterResult } from './cluster';
import type { Cell, CellPoint, CellResult, FullCellResult, Outcome, Summary } from './cell';

const NS_PER_US = 1000;
const NS_PER_SECOND = 1e9;
const MILLI = 1000;

/** What a run counted, as figures. */
export function cellResult(cell: Cell, native: NativeSimulationResult): FullCellResult {
  const { classes, totals, window } = native;
  const spanNs = Math.max(window.toNs - window.fromNs, 1);
  const capacityNs = cell.workers * spanNs;
  const all = classes.reduce(add, EMPTY);
  const lost = native.cluster?.nodes.reduce((sum, node) => sum + node.lost, 0) ?? 0;
  const late = all.missed - all.refused - all.dropped - lost;
  const inTime = all.finished - Math.max(0, late);
  const endNs = Math.max(totals.endNs, 1);
  const result: CellResult = {
    ...outcome(classes, window.busyArea / capacityNs),
    classes: classes.map((one, at) => ({
      name: cell.workload.classes[at]?.name ?? '',
      ...outcome([one], one.serviceNs / capacityNs),
    })),
    inSystem: window.inSystemArea / spanNs,
    waiting: (window.inSystemArea - window.busyArea) / spanNs,
    arrivalsPerSecond: ((native.cluster?.arrived ?? window.arrived) / spanNs) * NS_PER_SECOND,
    goodputPerSecond: (inTime / spanNs) * NS_PER_SECOND,
    preemptions: totals.preemptions,
    interrupts: totals.interrupts,
    overhead: (totals.busyArea - totals.serviceNs) / (cell.workers * endNs),
    little: {
      inSystem: totals.inSystemArea / endNs,
      rateTimesSojourn: totals.sojournNs / endNs,
    },
    virtualSeconds: totals.endNs / NS_PER_SECOND,
    ...(native.cluster && { cluster: clusterResult(cell, native.cluster, spanNs) }),
  };
  return {
    result,
    histograms: classes.map(({ sojourns, slowdowns }) => ({
      sojournNs: [...sojourns],
      slowdownMilli: [...slowdowns],
    })),
    record: native.record,
    recordMissed: native.recordMissed,
    series: pointsOf(native.series),
  };
}

const POINT_FIELDS = 5;

function pointsOf(numbers: Float64Array): CellPoint[] {
  return Array.from({ length: numbers.length / POINT_FIELDS }, (_, at) => {
    const [atNs = 0, answered = 0, missed = 0, p50Ns = 0, p99Ns = 0] = numbers.subarray(
      at * POINT_FIELDS,
      (at + 1) * POINT_FIELDS,
    );
    const [p50Us, p99Us] = [p50Ns / NS_PER_US, p99Ns / NS_PER_US];
    return { atS: atNs / NS_PER_SECOND, answered, missed, p50Us, p99Us };
  });
}

type Counts = Pick<
  NativeClassResult,
  'finished' | 'refused' | 'dropped' | 'withDeadline' | 'missed' | 'sojournNs' | 'slowdown'
>;
const EMPTY: Counts = {
  finished: 0,
  refused: 0,
  dropped: 0,
  withDeadline: 0,
  missed: 0,
  sojournNs: 0,
  slowdown: 0,
};

function add(sum: Counts, one: Counts): Counts {
  const keys = Object.keys(EMPTY) as (keyof Counts)[];
  return Object.fromEntries(keys.map((key) => [key, sum[key] + one[key]])) as unknown as Counts;
}

function outcome(classes: readonly NativeClassResult[], utilisation: number): Outcome {
  const sum = classes.reduce(add, EMPTY);
  const sojourns = new LatencyHistogram();
  const slowdowns = new LatencyHistogram();
  for (const one of classes) {
    sojourns.recordBuckets(one.sojourns);
    slowdowns.recordBuckets(one.slowdowns);
  }
  const count = Math.max(sum.finished, 1);
  return {
    utilisation,
    requests: sum.finished,
    sojournUs: summary(sojourns, sum.sojournNs / count / NS_PER_US, NS_PER_US),
    slowdown: summary(slowdowns, sum.slowdown / count, MILLI),
    missRate: sum.withDeadline === 0 ? 0 : sum.missed / sum.withDeadline,
    refused: sum.refused,
    dropped: sum.dropped,
  };
}

function summary(histogram: LatencyHistogram, mean: number, unit: number): Summary {
  const at = (percent: number): number => histogram.percentile(percent) / unit;
  return {
    mean,
    p50: at(50),
    p99: at(99),
    p999: at(99.9),
    p9999: at(99.99),
    max: histogram.max / unit,
  };
}
