import { z } from '@sledge/core';
import type { WorkloadSpec } from '@sledge/core';

const TIME_MAX_US = 1e9;
const timeUs = z.number().min(1e-6).max(TIME_MAX_US);
const share = z.number().min(0).max(1);

export const serviceSchema = z.discriminatedUnion('shape', [
  z.strictObject({ shape: z.literal('deterministic'), us: timeUs }),
  z.strictObject({ shape: z.literal('exponential'), meanUs: timeUs }),
  z.strictObject({
    shape: z.literal('lognormal'),
    meanUs: timeUs,
    sigma: z.number().min(0).max(10),
  }),
  z.strictObject({
    shape: z.literal('bimodal'),
    shortUs: timeUs,
    longUs: timeUs,
    longShare: share,
  }),
  z
    .strictObject({
      shape: z.literal('bounded-pareto'),
      alpha: z.number().min(0.001).max(100),
      leastUs: timeUs,
      largestUs: timeUs,
    })
    .refine(({ leastUs, largestUs }) => leastUs < largestUs, 'leastUs must be below largestUs'),
  z.strictObject({
    shape: z.literal('empirical'),
    points: z
      .array(z.tuple([z.number().min(0).max(TIME_MAX_US), share]))
      .min(2)
      .max(100_000)
      .refine(ascends, 'points must ascend in both, to a share of 1'),
  }),
]);

function ascends(points: readonly (readonly [number, number])[]): boolean {
  const inOrder = points.every(([us, upTo], at) => {
    const before = points[at - 1];
    return before === undefined || (us >= before[0] && upTo >= before[1]);
  });
  return inOrder && points.at(-1)?.[1] === 1;
}

const requestClass = z.strictObject({
  name: z.string().min(1).max(64),
  share: z.number().min(0).max(1e9),
  service: serviceSchema,
  deadline: z
    .strictObject({
      us: z.number().min(0).max(1e12).optional(),
      timesService: z.number().min(0).max(1e6).optional(),
    })
    .optional(),
  expectedUs: timeUs.optional(),
  group: z.number().int().min(0).max(1023).optional(),
  tenant: z.string().min(1).max(64).optional(),
  onLate: z.enum(['run', 'drop-unstarted']).optional(),
});

const tenant = z
  .strictObject({ name: z.string().min(1).max(64), budgetUs: timeUs, periodUs: timeUs })
  .refine(({ periodUs }) => periodUs >= 1, 'periodUs must be at least 1');

const numbers = z.array(z.number().min(0).max(1e15));
const arrivals = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('poisson') }),
  z.strictObject({ kind: z.literal('uniform') }),
  z.strictObject({
    kind: z.literal('mmpp'),
    burst: z.number().min(1).max(1e6),
    burstUs: timeUs,
    calmUs: timeUs,
  }),
  z.strictObject({
    kind: z.literal('recorded'),
    atUs: numbers,
    classOf: numbers,
    serviceUs: numbers,
  }),
]);

/** A workload as a plugin or a file gives it. Unknown keys are errors. */
export const workloadSchema: z.ZodType<WorkloadSpec> = z
  .strictObject({
    name: z.string().min(1).max(64),
    classes: z.array(requestClass).min(1).max(65_536),
    arrivals,
    tenants: z.array(tenant).max(256).optional(),
  })
  .refine(({ classes }) => classes.some((one) => one.share > 0), 'one share must be above 0');
