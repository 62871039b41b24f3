import type { DataPlane } from '../contracts/data-plane';
import type { LoadedFunction } from '../functions/live-function';
import type { FunctionSeries } from './series';
import type { MetricSources } from './table';

/** A group without a name is the only one. */
const ONLY_GROUP = 'default';

/** One look at a data plane; `stats` are those of the server. */
export function metricSources(
  plane: DataPlane | undefined,
  { series, functions }: { series: FunctionSeries; functions: readonly LoadedFunction[] },
  groupNames: readonly (string | undefined)[],
  server: Pick<MetricSources, 'isReady' | 'stats'>,
): MetricSources {
  const nameOf = (group: number): string => groupNames[group] ?? ONLY_GROUP;
  return {
    ...server,
    functions: plane === undefined ? [] : series.sources(plane, functions),
    workers: (plane?.workerMetrics?.() ?? []).map((row) => ({
      ...row,
      groupName: nameOf(row.group),
    })),
    groups: (plane?.groupMetrics?.() ?? []).map((row, group) => ({
      ...row,
      groupName: nameOf(group),
    })),
  };
}
