import type { WorkloadSpec } from '@sledge/core';
import { scaleService } from './presets';

/** Every time of requests `factor` times as long; arrivals follow from the load. */
export function scaledWorkload(workload: WorkloadSpec, factor: number): WorkloadSpec {
  if (factor === 1) return workload;
  const { name, classes, arrivals } = workload;
  return {
    name: `${name} x ${factor}`,
    classes: classes.map((one) => ({
      ...one,
      service: scaleService(one.service, factor),
      ...(one.expectedUs !== undefined && { expectedUs: one.expectedUs * factor }),
      ...(one.deadline?.us !== undefined && {
        deadline: { ...one.deadline, us: one.deadline.us * factor },
      }),
    })),
    arrivals:
      arrivals.kind === 'recorded'
        ? { ...arrivals, serviceUs: arrivals.serviceUs.map((us) => us * factor) }
        : arrivals,
  };
}
