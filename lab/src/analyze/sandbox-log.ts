import { cdfOf, distributionOf } from '../load/summarise';
import type { CdfPoint, Distribution } from '../load/summarise';
import { LatencyHistogram } from '../statistics';
import { logRows } from './log-rows';
import type { LogRow } from './log-rows';

const SLOWDOWN_UNIT = 1000;

export interface LogClass {
  /** `tenant/function` where the log says it, else the request type. */
  type: string;
  requests: number;
  missed: number;
  missRate: number;
  /** Of all requests. */
  share: number;
  totalUs: Distribution;
  /** total / execution, of rows whose execution is above 0. */
  slowdown: Distribution;
  cdf: CdfPoint[];
}

export interface LogAnalysis {
  requests: number;
  /** Lines that are neither a header nor a row. */
  unread: number;
  /** Miss rates of the classes, weighted by their shares. */
  missRate: number;
  /** Share that met its deadline, percent: what meet_deadline_percentage prints. */
  meetDeadlinePercentage: number;
  classes: LogClass[];
}

/**
 * Reads one or more perf logs, ours or SLEdgeScale's, line by line; memory does not grow with them.
 * @throws SledgeError SLEDGE_ERR_PERF_LOG_READ
 */
export async function analyzeSandboxLogs(files: readonly string[]): Promise<LogAnalysis> {
  const types = new Map<string, TypeCounts>();
  let unread = 0;
  for (const file of files) {
    for await (const row of logRows(file)) {
      if (row === undefined) unread += 1;
      else addRow(types, row);
    }
  }
  return analysisOf(types, unread);
}

class TypeCounts {
  missed = 0;
  readonly total = new LatencyHistogram();
  readonly slowdown = new LatencyHistogram();
}

function addRow(types: Map<string, TypeCounts>, row: LogRow): void {
  const { type, isMiss, totalUs, executionUs } = row;
  const counts = types.get(type) ?? new TypeCounts();
  types.set(type, counts);
  if (isMiss) counts.missed += 1;
  counts.total.record(totalUs * 1000);
  if (executionUs > 0) counts.slowdown.record((totalUs / executionUs) * SLOWDOWN_UNIT);
}

function analysisOf(types: ReadonlyMap<string, TypeCounts>, unread: number): LogAnalysis {
  const all = [...types].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
  const requests = all.reduce((sum, [, { total }]) => sum + total.count, 0);
  const missed = all.reduce((sum, [, counts]) => sum + counts.missed, 0);
  const missRate = requests === 0 ? 0 : missed / requests;
  return {
    requests,
    unread,
    missRate,
    meetDeadlinePercentage: (1 - missRate) * 100,
    classes: all.map(([type, { missed: late, total, slowdown }]) => ({
      type,
      requests: total.count,
      missed: late,
      missRate: late / total.count,
      share: total.count / requests,
      totalUs: distributionOf(total, 1000),
      slowdown: distributionOf(slowdown, SLOWDOWN_UNIT),
      cdf: cdfOf(slowdown, SLOWDOWN_UNIT),
    })),
  };
}
