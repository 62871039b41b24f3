import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SledgeError } from '@sledge/core';
import type { WorkloadInstance, WorkloadSpec } from '@sledge/core';
import { createLogger, hint, loadPlugins, PluginHost, reasonOf } from '@sledge/core/host';
import { PRESET_NAMES, presetPlugin } from './presets';
import { workloadSchema } from './schema';
import { readTrace } from './trace-file';

const STEP_LIMITS = {
  createTimeoutMs: 10_000,
  startTimeoutMs: 10_000,
  drainTimeoutMs: 10_000,
  stopTimeoutMs: 10_000,
};

/** With options: a preset, a package, one .ts or .js file, one in .json, or a trace (.csv). */
export interface WorkloadChoice {
  readonly source: unknown;
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * From what a command or a study says to a checked workload.
 * @param folder where relative paths start
 * @throws SledgeError SLEDGE_ERR_LAB_WORKLOAD, SLEDGE_ERR_LAB_TRACE, SLEDGE_ERR_PLUGIN_...
 */
export async function loadWorkload(choice: WorkloadChoice, folder: string): Promise<WorkloadSpec> {
  const { source, options } = choice;
  if (typeof source === 'string' && source.endsWith('.csv')) {
    const mean = options?.meanUs;
    return checked(source, readTrace(path.resolve(folder, source), asNumber(mean)));
  }
  if (typeof source === 'string' && source.endsWith('.json')) {
    return checked(source, readJson(source, path.resolve(folder, source)));
  }
  const label = typeof source === 'string' ? source : 'of the configuration';
  const preset = typeof source === 'string' ? presetPlugin(source) : undefined;
  const reference = { place: 'workload', kind: 'workload', source: preset ?? source } as const;
  const host = new PluginHost({
    limits: STEP_LIMITS,
    logger: createLogger({ level: 'silent', pretty: false }),
    seed: 1,
  });
  try {
    await host.create(loadPlugins([{ ...reference, options }], folder));
  } catch (error) {
    throw withPresets(error, label);
  }
  const [made] = host.instances('workload');
  return checked(label, (made?.instance as WorkloadInstance | undefined)?.workload);
}

function readJson(workload: string, file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SledgeError('SLEDGE_ERR_LAB_WORKLOAD', { workload, reason: reasonOf(error) });
  }
}

function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** Presets are no packages: a wrong name is likelier one of them. */
function withPresets(error: unknown, name: string): unknown {
  if (!(error instanceof SledgeError) || error.code !== 'SLEDGE_ERR_PLUGIN_NOT_FOUND') return error;
  const known = `presets: ${PRESET_NAMES.join(', ')}`;
  const reason = `there is none of this name${hint(name, PRESET_NAMES)} (${known})`;
  return new SledgeError('SLEDGE_ERR_LAB_WORKLOAD', { workload: name, reason });
}

/** @throws SledgeError SLEDGE_ERR_LAB_WORKLOAD */
export function checked(name: string, workload: unknown): WorkloadSpec {
  const result = workloadSchema.safeParse(workload);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue?.path.length ? `${issue.path.join('.')}: ` : '';
  const reason = `${place}${issue?.message ?? reasonOf(result.error)}`;
  throw new SledgeError('SLEDGE_ERR_LAB_WORKLOAD', { workload: name, reason });
}
