import { STATUSES } from '../data-plane/outcome-record';

/** Scalars of FunctionMetrics in native/src/dataplane/function_metrics.hpp, in their order. */
export const FUNCTION_METRICS = [
  'accepted',
  'deadlinesMet',
  'deadlinesMissed',
  'preemptions',
  'runNs',
  'memoryByteSeconds',
  'estimateNs',
  'estimateErrorNs',
] as const;
/** Of `tenantStats`. */
export const TENANT_METRICS = [
  'inFlight',
  'queued',
  'memoryBytes',
  'idleMemoryBytes',
  'shareMax',
  'ended',
  'deadlinesMissed',
  'runNs',
  'memoryByteSeconds',
] as const;
/** Then what has ended, by status, and what was refused, by reason. */
export const OUTCOMES = STATUSES;
export const REJECTIONS = [
  'draining',
  'function-gone',
  'malformed',
  'concurrency',
  'function-queue',
  'tenant-concurrency',
  'tenant-queue',
  'max-invocations',
  'queue-full',
  'no-memory',
  'not-admitted',
  'tenant-rate',
  'tenant-cpu',
  'tenant-share',
] as const;
/** Then the histograms, each its sum and its cells. */
export const HISTOGRAMS = ['sojournNs', 'waitNs', 'serviceNs', 'slowdown'] as const;
/** LogHistogram: the first cell ends at 2^firstBits, and each octave from there has four. */
export const HISTOGRAM = { firstBits: 10, octaves: 26, octaveCells: 4, cells: 106 } as const;
/** A slowdown is counted in parts of one. */
export const SLOWDOWN_UNIT = 1024;

/** Of a row of `workerMetrics`, and of `groupMetrics`. */
export const WORKER_METRICS = [
  'group',
  'queued',
  'runs',
  'preemptions',
  'signals',
  'runNs',
  'cpuNs',
  'idle',
  'slotWaits',
  'spins',
  'sleeps',
] as const;
export const GROUP_METRICS = [
  'held',
  'queued',
  'running',
  'blocked',
  'interrupts',
  'overdueRuns',
  'wakes',
  'migrations',
  'accepted',
  'refused',
] as const;

/** Numbers of `sumFunctionMetrics`: all of `functionMetrics`, in flight, queued. */
export const METRIC_SUMS =
  FUNCTION_METRICS.length +
  OUTCOMES.length +
  REJECTIONS.length +
  HISTOGRAMS.length * (1 + HISTOGRAM.cells) +
  2;

export type Row<Names extends readonly string[]> = Readonly<Record<Names[number], number>>;
export type TenantRow = Row<typeof TENANT_METRICS>;
export type WorkerRow = Row<typeof WORKER_METRICS>;
export type GroupRow = Row<typeof GROUP_METRICS>;

/** What the native part has counted of one function since it was loaded. */
export interface FunctionMetrics extends Row<typeof FUNCTION_METRICS> {
  readonly ended: Row<typeof OUTCOMES>;
  readonly rejected: Row<typeof REJECTIONS>;
  readonly histograms: Readonly<Record<(typeof HISTOGRAMS)[number], HistogramCells>>;
}

export interface HistogramCells {
  readonly sum: number;
  readonly cells: Float64Array;
}

function row<Names extends readonly string[]>(
  names: Names,
  numbers: Float64Array,
  from: number,
): Row<Names> {
  const entries = names.map((name, at) => [name, numbers[from + at] ?? 0]);
  return Object.fromEntries(entries) as Row<Names>;
}

/** Of the numbers that `functionMetrics` gives. */
export function functionMetricsOf(numbers: Float64Array): FunctionMetrics {
  const endedAt = FUNCTION_METRICS.length;
  const rejectedAt = endedAt + OUTCOMES.length;
  const histogramsAt = rejectedAt + REJECTIONS.length;
  const width = 1 + HISTOGRAM.cells;
  const histograms = HISTOGRAMS.map((name, index) => {
    const at = histogramsAt + index * width;
    const cells = numbers.subarray(at + 1, at + width);
    return [name, { sum: numbers[at] ?? 0, cells }];
  });
  return {
    ...row(FUNCTION_METRICS, numbers, 0),
    ended: row(OUTCOMES, numbers, endedAt),
    rejected: row(REJECTIONS, numbers, rejectedAt),
    histograms: Object.fromEntries(histograms) as FunctionMetrics['histograms'],
  };
}

export function rowsOf<Names extends readonly string[]>(
  names: Names,
  numbers: Float64Array,
): Row<Names>[] {
  const count = numbers.length / names.length;
  return Array.from({ length: count }, (_, at) => row(names, numbers, at * names.length));
}
