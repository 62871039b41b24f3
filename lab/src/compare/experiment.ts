import { SledgeError, z } from '@sledge/core';
import { livePreset, livePresets, liveWorkloadSchema } from './live-workload';

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
  config: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('More of the server: keys as in sledge.config.ts, live only.'),
  server: z.url().optional().describe('A server that runs already, with this variant.'),
});

const workload = z.preprocess(
  (given) => (typeof given === 'string' ? (livePreset(given) ?? given) : given),
  z
    .custom((given) => typeof given !== 'string', `presets are ${livePresets.join(', ')}`)
    .pipe(liveWorkloadSchema),
);

export const experimentSchema = z.strictObject({
  engine: z.enum(['live', 'simulated', 'remote']).default('live'),
  variants: z.array(variant).min(1).max(16),
  workload,
  scale: z.number().positive().max(1e6).default(1).describe('All service times, times this.'),
  loads: z.array(z.number().positive().max(10)).min(1).max(100).default([0.3, 0.5, 0.7]),
  workers: z.number().int().min(1).max(4096).default(1),
  repeats: z.number().int().min(1).max(1000).default(7),
  durationS: z.number().positive().max(3600).default(3).describe('Of each run; live.'),
  warmupS: z.number().min(0).max(600).default(0.5).describe('Not measured; live.'),
  connections: z.number().int().min(1).max(65_536).default(64),
  requests: z.number().int().min(1).max(1e9).default(200_000).describe('Of a run; simulated.'),
  costs: z.string().default('this-machine').describe('Of mechanisms, by name; simulated.'),
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

export type Experiment = z.infer<typeof experimentSchema>;
export type ExperimentInput = z.input<typeof experimentSchema>;
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
  if (result.success) {
    const names = result.data.variants.map(({ name }) => name);
    if (new Set(names).size === names.length) return result.data;
    const problems = 'variants: each needs a name of its own';
    throw new SledgeError('SLEDGE_ERR_CONFIG_INVALID', { path: file, problems });
  }
  const problems = result.error.issues
    .map(({ path, message }) => `${path.join('.') || 'the whole'}: ${message}`)
    .join('\n');
  throw new SledgeError('SLEDGE_ERR_CONFIG_INVALID', { path: file, problems });
}

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
