import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { cdfOf, distributionOf } from '../load/summarise';
import type { CdfPoint, Distribution } from '../load/summarise';
import { LatencyHistogram } from '../statistics';

/** SLEdgeScale's sandbox log: header with commas, rows with blanks or commas; times in us. */
export const SANDBOX_LOG_COLUMNS = [
  ...['tid', 'rid', 'SLO', 'total', 'execution', 'queued'],
  ...['rtype', 'init', 'cleanup', 'deadline', 'queuelen', 'estimated'],
] as const;

const WIDTH = SANDBOX_LOG_COLUMNS.length;
const SLOWDOWN_UNIT = 1000;

export interface LogClass {
  /** Request type. */
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
  /** Rows that are neither a header nor twelve columns. */
  unread: number;
  /** Miss rates of the classes, weighted by their shares. */
  missRate: number;
  /** Share that met its deadline, percent: what meet_deadline_percentage prints. */
  meetDeadlinePercentage: number;
  classes: LogClass[];
}

/** Reads one or more logs line by line; memory does not grow with them. */
export async function analyzeSandboxLogs(files: readonly string[]): Promise<LogAnalysis> {
  const types = new Map<string, TypeCounts>();
  let unread = 0;
  for (const file of files) {
    const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
    for await (const line of lines) {
      if (line.trim() === '' || line.startsWith('tid,')) continue;
      if (!addRow(types, line.trim().split(/[\s,]+/))) unread += 1;
    }
  }
  return analysisOf(types, unread);
}

class TypeCounts {
  missed = 0;
  readonly total = new LatencyHistogram();
  readonly slowdown = new LatencyHistogram();
}

function addRow(types: Map<string, TypeCounts>, row: readonly string[]): boolean {
  const [, , slo, total, execution, , type = ''] = row;
  const totalUs = Number(total);
  const executionUs = Number(execution);
  const isRow = row.length === WIDTH && (slo === 'miss' || slo === 'meet');
  if (!isRow || !(totalUs >= 0) || !(executionUs >= 0)) return false;
  const counts = types.get(type) ?? new TypeCounts();
  types.set(type, counts);
  if (slo === 'miss') counts.missed += 1;
  counts.total.record(totalUs * 1000);
  if (executionUs > 0) counts.slowdown.record((totalUs / executionUs) * SLOWDOWN_UNIT);
  return true;
}

function analysisOf(types: ReadonlyMap<string, TypeCounts>, unread: number): LogAnalysis {
  const all = [...types].sort(([a], [b]) => Number(a) - Number(b));
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
