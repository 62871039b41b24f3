import { definePlugin, SledgeError, z } from '@sledge/core';
import type { RequestClassSpec, ServiceTime, WorkloadSpec } from '@sledge/core';

/** SLEdgeScale's rule: ten times the execution time that is expected. */
const DEADLINE_FACTOR = 10;

const options = z.strictObject({
  /** Scales every service time so that their mean is this; not for `bounded-pareto`. */
  meanUs: z.number().min(1e-3).max(1e9).optional(),
  /** Standard deviation of the logarithm, where the preset is lognormal. */
  sigma: z.number().min(0).max(10).default(1),
  /** Functions of `density`. */
  functions: z.number().int().min(1).max(18_000).default(1000),
  /** Bursts in place of Poisson arrivals: how many times as frequent while they last. */
  burst: z.number().min(1).max(1e6).default(1),
  burstUs: z.number().min(1).max(1e9).default(1000),
  calmUs: z.number().min(1).max(1e9).default(9000),
  arrivals: z.enum(['poisson', 'uniform']).default('poisson'),
});
type PresetOptions = z.output<typeof options>;

/** Fixed service times: name, microseconds, share, and the deadline where it is not tenfold. */
function fixed(rows: readonly (readonly [string, number, number, number?])[]): RequestClassSpec[] {
  return rows.map(([name, us, share, deadlineUs], group) => ({
    name,
    share,
    service: { shape: 'deterministic', us },
    deadline: { us: deadlineUs ?? DEADLINE_FACTOR * us },
    group,
  }));
}

function single(name: string, service: ServiceTime): RequestClassSpec[] {
  return [{ name, share: 1, service, deadline: { timesService: DEADLINE_FACTOR } }];
}

/** Where each comes from: docs/guides/lab.md. */
const PRESETS: Readonly<Record<string, (given: PresetOptions) => RequestClassSpec[]>> = {
  'extreme-bimodal': () =>
    fixed([
      ['short', 0.5, 0.995],
      ['long', 500, 0.005],
    ]),
  'high-bimodal': () =>
    fixed([
      ['short', 1, 0.5],
      ['long', 100, 0.5],
    ]),
  tpcc: () =>
    fixed([
      ['payment', 5.7, 0.44],
      ['order-status', 6, 0.04],
      ['new-order', 20, 0.44],
      ['delivery', 88, 0.04],
      ['stock-level', 100, 0.04],
    ]),
  rocksdb: () =>
    fixed([
      ['get', 1.5, 0.5],
      ['scan', 635, 0.5],
    ]),
  'skyloft-synthetic': () =>
    fixed([
      ['short', 4, 0.995],
      ['long', 10_000, 0.005],
    ]),
  exponential: () => single('exponential', { shape: 'exponential', meanUs: 10 }),
  lognormal: ({ sigma }) => single('lognormal', { shape: 'lognormal', meanUs: 10, sigma }),
  deterministic: () => single('deterministic', { shape: 'deterministic', us: 10 }),
  'bounded-pareto': () =>
    single('bounded-pareto', {
      shape: 'bounded-pareto',
      alpha: 1.1,
      leastUs: 1,
      largestUs: 10_000,
    }),
  'resize-cifar': () =>
    fixed([
      ['resize', 26, 0.5],
      ['cifar10', 2070, 0.5],
    ]),
  'vision-6': () =>
    fixed([
      ['tracking', 6, 1, 10_000],
      ['disparity', 11, 1, 10_000],
      ['mser', 16, 1, 10_000],
      ['sift', 113, 1, 1000],
      ['multi-ncut', 326, 1, 600],
      ['cifar10', 2060, 1, 3000],
    ]),
  density: ({ functions }) =>
    fixed(Array.from({ length: functions }, (_, at) => [`function-${at + 1}`, 10, 1] as const)),
  // Endless loops and traps as virtual time sees them: killed at their limit, and ended at once.
  isolation: () => [
    ...fixed([
      ['normal', 10, 0.9],
      ['endless', 1000, 0.05, 1000],
      ['trapping', 1, 0.05],
    ]),
  ],
};

/** Every preset's name. */
export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS);

/** Mean of a service time, microseconds; undefined where only the simulator knows it. */
export function meanUs(service: ServiceTime): number | undefined {
  switch (service.shape) {
    case 'deterministic':
      return service.us;
    case 'bimodal':
      return service.shortUs * (1 - service.longShare) + service.longUs * service.longShare;
    case 'exponential':
    case 'lognormal':
      return service.meanUs;
    default:
      return undefined;
  }
}

/** Service times and deadlines times a factor. */
export function scaleService(service: ServiceTime, factor: number): ServiceTime {
  switch (service.shape) {
    case 'deterministic':
      return { ...service, us: service.us * factor };
    case 'exponential':
    case 'lognormal':
      return { ...service, meanUs: service.meanUs * factor };
    case 'bimodal':
      return { ...service, shortUs: service.shortUs * factor, longUs: service.longUs * factor };
    case 'bounded-pareto':
      return {
        ...service,
        leastUs: service.leastUs * factor,
        largestUs: service.largestUs * factor,
      };
    case 'empirical':
      return { ...service, points: service.points.map(([us, upTo]) => [us * factor, upTo]) };
  }
}

/** @throws SledgeError SLEDGE_ERR_LAB_WORKLOAD: a mean is not known here */
function scaled(name: string, classes: RequestClassSpec[], wantedUs: number): RequestClassSpec[] {
  const weight = classes.reduce((sum, one) => sum + one.share, 0);
  let sum = 0;
  for (const { service, share } of classes) {
    const mean = meanUs(service);
    if (mean === undefined) {
      const reason = `meanUs cannot scale a ${service.shape} service time; leave it out`;
      throw new SledgeError('SLEDGE_ERR_LAB_WORKLOAD', { workload: name, reason });
    }
    sum += (share / weight) * mean;
  }
  const factor = wantedUs / sum;
  return classes.map((one) => ({
    ...one,
    service: scaleService(one.service, factor),
    ...(one.deadline?.us !== undefined && { deadline: { us: one.deadline.us * factor } }),
  }));
}

/** The preset as a plugin of kind `workload`; undefined: there is none of this name. */
export function presetPlugin(name: string) {
  const classesOf = PRESETS[name];
  if (classesOf === undefined) return undefined;
  return definePlugin({
    name: `workload-${name}`,
    kind: 'workload',
    apiVersion: 1,
    options,
    create: (given) => ({ workload: presetWorkload(name, classesOf(given), given) }),
  });
}

function presetWorkload(
  name: string,
  classes: RequestClassSpec[],
  given: PresetOptions,
): WorkloadSpec {
  const { burst, burstUs, calmUs, arrivals } = given;
  return {
    name,
    classes: given.meanUs === undefined ? classes : scaled(name, classes, given.meanUs),
    arrivals: burst > 1 ? { kind: 'mmpp', burst, burstUs, calmUs } : { kind: arrivals },
  };
}
