import type { DataPlane } from '../contracts/data-plane';
import type { LoadedFunction } from '../functions/live-function';
import { addMetrics } from './add-metrics';
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

/** Of all its versions, so that its counters never go back. */
function functionSource(
  plane: DataPlane | undefined,
  { target, tenant, name }: LoadedFunction,
): FunctionSource[] {
  let metrics = target.past;
  const [inFlight, queued] = [...target.ids].reduce(
    ([flying, waiting], id) => {
      const counted = plane?.functionMetrics?.(id);
      if (counted !== undefined) metrics = addMetrics(metrics, counted);
      const now = counted === undefined ? {} : (plane?.functionStats(id) ?? {});
      return [flying + (now.inFlight ?? 0), waiting + (now.queued ?? 0)] as const;
    },
    [0, 0] as readonly [number, number],
  );
  return metrics === undefined ? [] : [{ tenant, function: name, metrics, inFlight, queued }];
}
