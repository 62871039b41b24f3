import type { DataPlane } from '../contracts/data-plane';
import type { LoadedFunction } from '../functions/function-registry';
import type { FunctionSource, MetricSources } from './table';

/** A group without a name is the only one. */
const ONLY_GROUP = 'default';

/** One look at a data plane; `stats` are those of the server. */
export function metricSources(
  plane: DataPlane | undefined,
  functions: readonly LoadedFunction[],
  groupNames: readonly (string | undefined)[],
  server: Pick<MetricSources, 'isReady' | 'stats'>,
): MetricSources {
  const nameOf = (group: number): string => groupNames[group] ?? ONLY_GROUP;
  return {
    ...server,
    functions: functions.flatMap((fn) => functionSource(plane, fn)),
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

function functionSource(
  plane: DataPlane | undefined,
  { id, tenant, name }: LoadedFunction,
): FunctionSource[] {
  const metrics = plane?.functionMetrics?.(id);
  if (metrics === undefined) return [];
  const { inFlight = 0, queued = 0 } = plane?.functionStats(id) ?? {};
  return [{ tenant, function: name, metrics, inFlight, queued }];
}
