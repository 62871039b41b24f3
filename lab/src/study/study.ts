import { SledgeError, z } from '@sledge/core';

const policy = z.union([
  z.string().min(1),
  z.tuple([z.string().min(1), z.record(z.string(), z.unknown())]),
]);

const variant = z.strictObject({
  /** As it stands in keys. */
  name: z.string().regex(/^[a-z0-9-]{1,40}$/),
  dispatcher: policy,
  scheduler: policy,
  estimator: policy.optional(),
  admission: policy.optional(),
});

const studySchema = z.strictObject({
  name: z.string().min(1).max(60),
  variants: z.array(variant).min(1).max(64),
  workloads: z.array(z.string().min(1)).min(1).max(64),
  workers: z.array(z.number().int().min(1).max(4096)).min(1).max(16),
  loads: z.array(z.number().positive().max(10)).min(1).max(100),
  costs: z.string().default('ideal').describe('By name; not this-machine: a study is repeatable.'),
  requests: z.number().int().min(1000).max(1e9).default(100_000).describe('Of a run, at least.'),
  requestsPerWorker: z.number().int().min(0).max(1e6).default(1000).describe('At least, too.'),
  warmupShare: z.number().min(0).max(0.9).default(0.2),
  seeds: z.number().int().min(1).max(1000).default(3),
});

/** Every variant on every workload, size of machine and load. */
export type Study = z.output<typeof studySchema>;
export type StudyInput = z.input<typeof studySchema>;

/** For the file of a study: types and completion. */
export const defineStudy = (study: StudyInput): StudyInput => study;

/**
 * Fills defaults.
 * @param file for messages
 * @throws SledgeError SLEDGE_ERR_CONFIG_INVALID
 */
export function parseStudy(input: unknown, file: string): Study {
  const result = studySchema.safeParse(input);
  if (result.success && result.data.costs !== 'this-machine') return result.data;
  const problems =
    result.error?.issues.map((one) => `${one.path.join('.') || 'the whole'}: ${one.message}`) ?? [];
  if (result.success) problems.push('costs: those of this machine cannot be repeated elsewhere');
  throw new SledgeError('SLEDGE_ERR_CONFIG_INVALID', { path: file, problems: problems.join('\n') });
}

/** One place of a study. */
export interface StudyPoint {
  readonly workload: string;
  readonly workers: number;
  readonly load: number;
  readonly variant: Study['variants'][number];
}

/** Such as `tpcc/w64/0.7/darc`. */
export const keyOf = ({ workload, workers, load, variant }: StudyPoint): string =>
  `${workload}/w${workers}/${load}/${variant.name}`;

/** All of them, in the order of the report. */
export function pointsOf({ workloads, workers, loads, variants }: Study): StudyPoint[] {
  return workloads.flatMap((workload) =>
    workers.flatMap((count) =>
      loads.flatMap((load) =>
        variants.map((variant) => ({ workload, workers: count, load, variant })),
      ),
    ),
  );
}
