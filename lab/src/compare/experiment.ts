import { SledgeError, z } from '@sledge/core';
import { serviceSchema, workloadSchema } from '../workloads';
import { livePreset, livePresets, liveWorkloadSchema } from './live-workload';
import type { LiveWorkload } from './live-workload';

/** A plugin as a configuration names it: its name, or name and options. */
const plugin = z.union([
  z.string().min(1),
  z.tuple([z.string().min(1), z.record(z.string(), z.unknown())]),
]);

const variant = z.strictObject({
  name: z.string().min(1).max(60),
  dispatcher: plugin.optional(),
  scheduler: plugin.optional(),
  estimator: plugin.optional(),
  admission: plugin.optional(),
  placement: plugin.optional().describe('Which node runs a request; with cluster.'),
  config: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('More of the server: keys as in sledge.config.ts, live only.'),
  server: z.url().optional().describe('A server that runs already, with this variant.'),
});

const timeUs = z.number().min(0).max(1e12);
const loss = z.strictObject({
  node: z.number().int().min(0),
  fromUs: timeUs,
  toUs: timeUs.optional(),
});
const cluster = z.strictObject({
  nodes: z.number().int().min(1).max(1024).describe('Each with `workers` workers.'),
  shares: z.array(z.number().min(0)).max(1024).optional().describe('Of arrivals, by node.'),
  network: serviceSchema.optional().describe('One way between nodes.'),
  reportUs: timeUs.default(0).describe('Between two reports of a load; 0: always known.'),
  noticeUs: timeUs.optional().describe('Until a lost node is known as lost.'),
  losses: z.array(loss).max(1024).default([]),
});

/** On a machine: a preset by name, or classes. */
const liveWorkload = z.preprocess(
  (given) => (typeof given === 'string' ? (livePreset(given) ?? given) : given),
  z
    .custom((given) => typeof given !== 'string', `presets are ${livePresets.join(', ')}`)
    .pipe(liveWorkloadSchema),
);

/** In virtual time: what `sledge simulate` takes, or what the live engine takes. */
const anyWorkload = z.union([z.string().min(1), liveWorkloadSchema, workloadSchema]);

export type AnyWorkload = z.output<typeof anyWorkload>;

export const experimentSchema = z.strictObject({
  engine: z.enum(['live', 'simulated', 'remote']).default('live'),
  variants: z.array(variant).min(1).max(16),
  workload: z.unknown().optional().describe('The only one.'),
  workloads: z.array(z.unknown()).min(1).max(32).optional(),
  scale: z.number().positive().max(1e6).default(1).describe('All service times, times this.'),
  loads: z.array(z.number().positive().max(10)).min(1).max(100).default([0.3, 0.5, 0.7]),
  workers: z.number().int().min(1).max(4096).default(1),
  repeats: z.number().int().min(1).max(1000).default(7),
  durationS: z.number().positive().max(3600).default(3).describe('Of each run; live.'),
  warmupS: z.number().min(0).max(600).default(0.5).describe('Not measured; live.'),
  connections: z.number().int().min(1).max(65_536).default(64),
  cluster: cluster.optional().describe('Nodes instead of one machine; simulated.'),
  requests: z.number().int().min(1).max(1e9).default(200_000).describe('Of a run; simulated.'),
  costs: z.string().default('this-machine').describe('By name, or a .json file; simulated.'),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31)
    .default(1),
  confidence: z.number().min(0.5).max(0.999).default(0.95),
  allowOversubscription: z
    .boolean()
    .default(false)
    .describe('Live with more workers than cores - 1: labelled instead of refused.'),
});

type Parsed = Omit<z.infer<typeof experimentSchema>, 'workload' | 'workloads'>;

/** With defaults filled in. */
export interface Experiment extends Parsed {
  /** Live and remote: all of them are LiveWorkload. */
  readonly workloads: readonly AnyWorkload[];
}

/** One workload of it, on a machine. */
export type LiveExperiment = Parsed & { readonly workload: LiveWorkload };
export type ExperimentInput = z.input<typeof experimentSchema> & {
  readonly workload?: AnyWorkload | undefined;
  readonly workloads?: readonly AnyWorkload[] | undefined;
};
export type Variant = Experiment['variants'][number];

/** For lab.config.ts: types and completion. */
export const defineExperiment = (experiment: ExperimentInput): ExperimentInput => experiment;

/**
 * Fills defaults.
 * @param file for messages
 * @throws SledgeError SLEDGE_ERR_CONFIG_INVALID
 */
export function parseExperiment(input: unknown, file: string): Experiment {
  const result = experimentSchema.safeParse(input);
  if (!result.success) throw invalid(file, problemsOf(result.error));
  const { workload, workloads, ...experiment } = result.data;
  const names = experiment.variants.map(({ name }) => name);
  if (new Set(names).size < names.length) {
    throw invalid(file, 'variants: each needs a name of its own');
  }
  const isCluster = experiment.cluster !== undefined && experiment.engine === 'simulated';
  if (!isCluster && usesCluster(experiment)) {
    throw invalid(file, 'cluster and placement: they are of virtual time, and of each other');
  }
  const kept = workloadsOf(experiment.engine, workloads ?? [workload], file);
  const labels = kept.map(workloadName);
  if (new Set(labels).size < labels.length) {
    throw invalid(file, 'workloads: each needs a name of its own');
  }
  return { ...experiment, workloads: kept };
}

function usesCluster({ cluster, variants }: Parsed): boolean {
  return cluster !== undefined || variants.some(({ placement }) => placement !== undefined);
}

function workloadsOf(
  engine: Experiment['engine'],
  given: readonly unknown[],
  file: string,
): AnyWorkload[] {
  return given.map((one, at) => {
    const schema = engine === 'simulated' ? anyWorkload : liveWorkload;
    const result = schema.safeParse(one);
    if (result.success) return result.data;
    throw invalid(
      file,
      problemsOf(result.error, given.length > 1 ? `workloads.${at}` : 'workload'),
    );
  });
}

/** What a workload is called in the results. */
export function workloadName(workload: AnyWorkload): string {
  return typeof workload === 'string' ? workload : workload.name;
}

function problemsOf(error: z.ZodError, place?: string): string {
  return error.issues
    .map(({ path, message }) => {
      const where = [...(place === undefined ? [] : [place]), ...path].join('.');
      return `${where || 'the whole'}: ${message}`;
    })
    .join('\n');
}

const invalid = (file: string, problems: string): SledgeError =>
  new SledgeError('SLEDGE_ERR_CONFIG_INVALID', { path: file, problems });

/**
 * `edf-interrupt/edf`: dispatcher and scheduler; `name=...` gives it a name of its own.
 * @throws SledgeError SLEDGE_ERR_CLI_USAGE
 */
export function variantOf(text: string): z.input<typeof variant> {
  const [, name, policies = ''] = /^(?:([^=]+)=)?(.*)$/.exec(text) ?? [];
  const [dispatcher = '', scheduler, more] = policies.split('/');
  if (dispatcher === '' || scheduler === undefined || scheduler === '' || more !== undefined) {
    const reason = `a variant is dispatcher/scheduler, such as jsq/edf; this is ${text}`;
    throw new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
  }
  return { name: name ?? policies, dispatcher, scheduler };
}
