import type { NativeWorkload, RequestClassSpec, ServiceTime, WorkloadSpec } from '@sledge/core';

const NS = 1000;

/** A workload as the native part takes it. */
export function nativeWorkload(workload: WorkloadSpec): NativeWorkload {
  const { classes, arrivals, tenants = [] } = workload;
  const indexOf = tenantIndexes(workload);
  const burst = arrivals.kind === 'mmpp' ? arrivals : undefined;
  const recorded = arrivals.kind === 'recorded' ? arrivals : undefined;
  const values =
    burst === undefined ? [1] : [burst.burst, 1, burst.burstUs * NS, burst.calmUs * NS];
  return {
    classes: classes.map((one) => nativeClass(one, indexOf(one.tenant))),
    tenants: tenants.map(({ budgetUs, periodUs }) => ({
      budgetNs: Math.round(budgetUs * NS),
      periodNs: Math.round(periodUs * NS),
    })),
    arrivals: arrivals.kind,
    arrivalValues: Float64Array.from(values),
    recording:
      recorded === undefined
        ? null
        : {
            atNs: Float64Array.from(recorded.atUs, (us) => Math.round(us * NS)),
            type: Float64Array.from(recorded.classOf),
            serviceNs: Float64Array.from(recorded.serviceUs, (us) => Math.round(us * NS)),
          },
  };
}

/** Numbers of tenants: first those with a promise, then one for all others by name. */
function tenantIndexes({ classes, tenants = [] }: WorkloadSpec) {
  const names = new Set(tenants.map(({ name }) => name));
  for (const { tenant = '' } of classes) names.add(tenant);
  const order = [...names];
  return (tenant = ''): number => order.indexOf(tenant);
}

function nativeClass(one: RequestClassSpec, tenant: number): NativeWorkload['classes'][number] {
  return {
    share: one.share,
    shape: one.service.shape,
    values: Float64Array.from(valuesOf(one.service)),
    group: one.group ?? 0,
    tenant,
    deadlineNs: (one.deadline?.us ?? 0) * NS,
    deadlineOfService: one.deadline?.timesService ?? 0,
    expectedNs: (one.expectedUs ?? 0) * NS,
    dropLate: one.onLate === 'drop-unstarted',
  };
}

/** In the order that native/src/lab/workload.hpp names. */
export function valuesOf(service: ServiceTime): number[] {
  switch (service.shape) {
    case 'deterministic':
      return [service.us * NS];
    case 'exponential':
      return [service.meanUs * NS];
    case 'lognormal':
      return [service.meanUs * NS, service.sigma];
    case 'bimodal':
      return [service.shortUs * NS, service.longUs * NS, service.longShare];
    case 'bounded-pareto':
      return [service.alpha, service.leastUs * NS, service.largestUs * NS];
    case 'empirical':
      return service.points.flatMap(([us, upTo]) => [us * NS, upTo]);
  }
}
