import type { DataPlane } from '../contracts/data-plane';
import type { LoadedFunction } from '../functions/live-function';
import type { FunctionSeries } from './series';
import { TENANT_METRICS } from './layout';
import type { TenantRow } from './layout';
import type { MetricSources, TenantSource } from './table';

function tenantSource(
  plane: DataPlane | undefined,
  { name, index }: { readonly name: string; readonly index: number },
): TenantSource {
  const counted = plane?.tenantStats?.(index) ?? {};
  const entries = TENANT_METRICS.map((metric) => [metric, counted[metric] ?? 0]);
  return { tenant: name, ...(Object.fromEntries(entries) as TenantRow) };
}

/** A group without a name is the only one. */
const ONLY_GROUP = 'default';

/** One look at a data plane; `stats` are those of the server. */
export function metricSources(
  plane: DataPlane | undefined,
  { series, functions }: { series: FunctionSeries; functions: readonly LoadedFunction[] },
  groupNames: readonly (string | undefined)[],
  server: Pick<MetricSources, 'isReady' | 'stats' | 'placement'>,
  tenants: readonly { readonly name: string; readonly index: number }[],
): MetricSources {
  const nameOf = (group: number): string => groupNames[group] ?? ONLY_GROUP;
  return {
    ...server,
    functions: plane === undefined ? [] : series.sources(plane, functions),
    tenants: () => tenants.map((tenant) => tenantSource(plane, tenant)),
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
