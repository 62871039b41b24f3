import type { PlacementReport } from '../placement/placement-counters';
import type { Histogram } from './histogram';
import type { FunctionMetrics, GroupRow, TenantRow, WorkerRow } from './layout';

export interface FunctionSource {
  readonly tenant: string;
  readonly function: string;
  readonly metrics: FunctionMetrics;
  /** Accepted and not reaped, and of those not started. */
  readonly inFlight: number;
  readonly queued: number;
}

export interface TenantSource extends TenantRow {
  readonly tenant: string;
}

/** One look at a server. */
export interface MetricSources {
  readonly isReady: boolean;
  /** Counters and gauges of the data plane and the transports, by name. */
  readonly stats: Readonly<Record<string, number>>;
  /** Those that have been called. */
  readonly functions: readonly FunctionSource[];
  /** Looked at when somebody asks: there may be a thousand. */
  readonly tenants: () => readonly TenantSource[];
  readonly workers: readonly (WorkerRow & { readonly groupName: string })[];
  readonly groups: readonly (GroupRow & { readonly groupName: string })[];
  /** Undefined: there is none. */
  readonly placement?: PlacementReport | undefined;
}

export const SCOPES = [
  'process',
  'tenant',
  'function',
  'worker',
  'group',
  'transport',
  'placement',
  'peer',
] as const;
export type Scope = (typeof SCOPES)[number];

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | Histogram;
}

/** One metric: from it come the exposition, its documentation, the JSON and the CLI's columns. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'untyped';
  readonly scope: Scope;
  readonly help: string;
  /** Beside those of its scope. */
  readonly label?: string;
  /** Title in the table of `sledge metrics`; a histogram has one for each quantile. */
  readonly column?: string | Partial<Record<keyof Histogram['quantiles'], string>>;
  samples(sources: MetricSources): Sample[];
}

export const SCOPE_LABELS: Readonly<Record<Scope, readonly string[]>> = {
  process: [],
  tenant: ['tenant'],
  function: ['tenant', 'function'],
  worker: ['group', 'worker'],
  group: ['group'],
  transport: ['transport'],
  placement: ['placement'],
  peer: ['placement', 'node'],
};

type Declared = Omit<Metric, 'samples' | 'scope'>;

export function ofProcess(read: (sources: MetricSources) => number, metric: Declared): Metric {
  return {
    ...metric,
    scope: 'process',
    samples: (sources) => [{ labels: {}, value: read(sources) }],
  };
}

export function ofFunction(
  read: (of: FunctionSource) => number | Histogram | Readonly<Record<string, number>>,
  metric: Declared,
): Metric {
  const samples = ({ functions }: MetricSources): Sample[] =>
    functions.flatMap((source) => {
      const labels = { tenant: source.tenant, function: source.function };
      const value = read(source);
      if (typeof value === 'number' || 'buckets' in value) {
        return [{ labels, value: value as number | Histogram }];
      }
      const { label = '' } = metric;
      return Object.entries(value).map(([name, count]) => ({
        labels: { ...labels, [label]: name },
        value: count,
      }));
    });
  return { ...metric, scope: 'function', samples };
}

export function ofTenant(read: (of: TenantSource) => number, metric: Declared): Metric {
  return {
    ...metric,
    scope: 'tenant',
    samples: ({ tenants }) =>
      tenants().map((source) => ({ labels: { tenant: source.tenant }, value: read(source) })),
  };
}

export function ofWorker(read: (of: WorkerRow) => number, metric: Declared): Metric {
  return {
    ...metric,
    scope: 'worker',
    samples: ({ workers }) =>
      workers.map((row, worker) => ({
        labels: { group: row.groupName, worker: String(worker) },
        value: read(row),
      })),
  };
}

export function ofGroup(read: (of: GroupRow) => number, metric: Declared): Metric {
  return {
    ...metric,
    scope: 'group',
    samples: ({ groups }) =>
      groups.map((row) => ({ labels: { group: row.groupName }, value: read(row) })),
  };
}

export const stat = (name: string) => (sources: MetricSources) => sources.stats[name] ?? 0;
