import { secondsOf, slowdownOf } from '../metrics/histogram';
import type { Histogram } from '../metrics/histogram';
import { HISTOGRAM } from '../metrics/layout';
import type { FunctionMetrics, GroupRow, HistogramCells, WorkerRow } from '../metrics/layout';
import type { FunctionSource, MetricSources } from '../metrics/table';
import type * as live from './live-report';

/** Functions in one sample: the busiest; the others are counted. */
export const FUNCTIONS_MAX = 64;
const US_PER_S = 1e6;
const NS_PER_S = 1e9;

/** One look at a server, and when: milliseconds of a clock that never goes back. */
export interface Snapshot {
  readonly atMs: number;
  readonly sources: MetricSources;
}

type Sample = Omit<live.LiveSample, 'sequence' | 'at'>;

/** What has happened between two looks; without the first one counts are there, rates are 0. */
export function sampleOf(before: Snapshot | undefined, now: Snapshot): Sample {
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1000;
  const earlier = new Map(before?.sources.functions.map((of) => [keyOf(of), of.metrics]));
  const looks = now.sources.functions.map((of) => lookAt(of, earlier.get(keyOf(of)), seconds));
  const total = totalOf(looks, seconds);
  const busiest = looks.sort(
    ({ row: a }, { row: b }) => b.ratePerS - a.ratePerS || b.ended - a.ended,
  );
  return {
    seconds,
    total,
    functions: busiest.slice(0, FUNCTIONS_MAX).map(({ row }) => row),
    functionsLeftOff: Math.max(0, busiest.length - FUNCTIONS_MAX),
    workers: now.sources.workers.map((row, worker) =>
      workerOf(row, before?.sources.workers[worker], seconds),
    ),
    groups: now.sources.groups.map((row, group) =>
      groupOf(row, before?.sources.groups[group], seconds),
    ),
  };
}

function keyOf({ tenant, function: name }: FunctionSource): string {
  return `${tenant}\0${name}`;
}

interface Look {
  row: live.LiveFunction;
  sojourn: HistogramCells;
  slowdown: HistogramCells;
}

/** What was loaded anew has counted less than before: all of it is new. */
function lookAt(of: FunctionSource, earlier: FunctionMetrics | undefined, seconds: number): Look {
  const { metrics } = of;
  const isSame = earlier !== undefined && earlier.accepted <= metrics.accepted;
  const before = isSame ? earlier : undefined;
  const sojourn = since(metrics.histograms.sojournNs, before?.histograms.sojournNs);
  const slowdown = since(metrics.histograms.slowdown, before?.histograms.slowdown);
  const service = since(metrics.histograms.serviceNs, before?.histograms.serviceNs);
  const perS = rateOver(seconds);
  const missed = metrics.deadlinesMissed - (before?.deadlinesMissed ?? 0);
  const ended = sumOf(metrics.ended) - (before === undefined ? 0 : sumOf(before.ended));
  const row = {
    tenant: of.tenant,
    function: of.function,
    accepted: metrics.accepted,
    ended: sumOf(metrics.ended),
    completed: metrics.ended.completed,
    rejected: sumOf(metrics.rejected),
    missed: metrics.deadlinesMissed,
    preemptions: metrics.preemptions,
    inFlight: of.inFlight,
    queued: of.queued,
    ratePerS: perS(ended),
    missedPerS: perS(missed),
    rejectedPerS: perS(sumOf(metrics.rejected) - (before ? sumOf(before.rejected) : 0)),
    preemptionsPerS: perS(metrics.preemptions - (before?.preemptions ?? 0)),
    serviceP50Us: inUs(seconds > 0 ? secondsOf(service).quantiles.p50 : null),
    ...quantilesOf(sojourn, slowdown, seconds),
  };
  return { row, sojourn, slowdown };
}

function totalOf(looks: readonly Look[], seconds: number): live.LiveTotal {
  const rows = looks.map(({ row }) => row);
  const sum = (read: (row: live.LiveFunction) => number): number =>
    rows.reduce((total, row) => total + read(row), 0);
  return {
    ended: sum((row) => row.ended),
    completed: sum((row) => row.completed),
    rejected: sum((row) => row.rejected),
    missed: sum((row) => row.missed),
    inFlight: sum((row) => row.inFlight),
    queued: sum((row) => row.queued),
    ratePerS: sum((row) => row.ratePerS),
    missedPerS: sum((row) => row.missedPerS),
    rejectedPerS: sum((row) => row.rejectedPerS),
    preemptionsPerS: sum((row) => row.preemptionsPerS),
    ...quantilesOf(
      together(looks.map(({ sojourn }) => sojourn)),
      together(looks.map(({ slowdown }) => slowdown)),
      seconds,
    ),
  };
}

function quantilesOf(sojourn: HistogramCells, slowdown: HistogramCells, seconds: number) {
  const none = { p50: null, p99: null, p999: null };
  if (seconds === 0) return { sojournUs: none, slowdown: none };
  const { p50, p99, p999 } = secondsOf(sojourn).quantiles;
  const ratio: Histogram['quantiles'] = slowdownOf(slowdown).quantiles;
  return {
    sojournUs: { p50: inUs(p50), p99: inUs(p99), p999: inUs(p999) },
    slowdown: { p50: ratio.p50, p99: ratio.p99, p999: ratio.p999 },
  };
}

function workerOf(
  row: WorkerRow & { groupName: string },
  earlier: WorkerRow | undefined,
  s: number,
) {
  const perS = rateOver(s);
  const since_ = (name: 'runs' | 'preemptions' | 'runNs' | 'cpuNs'): number =>
    earlier === undefined ? 0 : row[name] - earlier[name];
  return {
    group: row.groupName,
    isIdle: row.idle === 1,
    queued: row.queued,
    runsPerS: perS(since_('runs')),
    preemptionsPerS: perS(since_('preemptions')),
    sandboxShare: Math.min(1, perS(since_('runNs') / NS_PER_S)),
    cpuShare: Math.min(1, perS(since_('cpuNs') / NS_PER_S)),
  };
}

function groupOf(row: GroupRow & { groupName: string }, earlier: GroupRow | undefined, s: number) {
  const perS = rateOver(s);
  const { held, queued, running, blocked } = row;
  return {
    group: row.groupName,
    held,
    queued,
    running,
    blocked,
    interruptsPerS: perS(row.interrupts - (earlier?.interrupts ?? row.interrupts)),
    refusedPerS: perS(row.refused - (earlier?.refused ?? row.refused)),
  };
}

function rateOver(seconds: number): (count: number) => number {
  return (count) => (seconds > 0 ? Math.max(0, count) / seconds : 0);
}

function inUs(seconds: number | null): number | null {
  return seconds === null ? null : seconds * US_PER_S;
}

function sumOf(row: Readonly<Record<string, number>>): number {
  return Object.values(row).reduce((sum, count) => sum + count, 0);
}

function since(now: HistogramCells, before: HistogramCells | undefined): HistogramCells {
  if (before === undefined) return now;
  return {
    sum: now.sum - before.sum,
    cells: now.cells.map((count, cell) => count - (before.cells[cell] ?? 0)),
  };
}

function together(all: readonly HistogramCells[]): HistogramCells {
  const cells = new Float64Array(HISTOGRAM.cells);
  let sum = 0;
  for (const one of all) {
    sum += one.sum;
    for (let cell = 0; cell < cells.length; cell += 1) {
      cells[cell] = (cells[cell] as number) + (one.cells[cell] ?? 0);
    }
  }
  return { sum, cells };
}
