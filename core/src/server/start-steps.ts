import type { Logger } from 'pino';
import { groupWorkerCount } from '../config/cores';
import { slotLimits } from '../config/limits';
import type { LoadedConfig } from '../config/load-config';
import type { SledgeConfig } from '../config/schema';
import { workerGroups } from '../config/worker-groups';
import type { DataPlaneWorkerGroup } from '../contracts/data-plane';
import type { FunctionHandle, RequestIds } from '../contracts/invocation';
import type { SandboxInstance } from '../contracts/kinds';
import { SledgeError } from '../errors/sledge-error';
import { buildAll, cacheDirectoryOf } from '../functions/build-functions';
import type { BuildReport } from '../functions/build-functions';
import { buildJobs } from '../functions/function-registry';
import type { ServerPolicies } from './server-policies';
import type { SledgeOptions } from './sledge';

const LOGGED_BYTES_MAX = 4096;

/** @throws SledgeError SLEDGE_ERR_CONFIG_INVALID for limits that the sandbox does not know. */
export function checkSandbox(
  { config, file, folder }: LoadedConfig,
  sandbox: SandboxInstance,
): void {
  const problems = sandbox.workers === 'native' ? [] : slotLimits(config.tenants);
  if (problems.length === 0) return;
  const lines = problems.map(({ path, message }) => `  ${path}: ${message}`);
  const details = { path: file ?? folder, problems: lines.join('\n') };
  throw new SledgeError('SLEDGE_ERR_CONFIG_INVALID', details);
}

/** How modules are built here, those that are deployed later too. */
export function buildSettingsOf({ config, folder }: LoadedConfig) {
  const cacheDirectory = cacheDirectoryOf(config.build, folder);
  const readsTime = config.preemption.mechanism === 'tsc';
  return { cacheDirectory, level: config.build.level, readsTime };
}

/** Every function of the configuration. @throws SledgeError of the first that cannot be built. */
export async function buildFunctions(
  loaded: LoadedConfig,
  sandbox: SandboxInstance,
  { signal, onBuild }: Pick<SledgeOptions, 'signal' | 'onBuild'>,
  logger: Logger,
): Promise<BuildReport[]> {
  const { tenants, build } = loaded.config;
  const settings = { ...buildSettingsOf(loaded), parallel: build.parallel, signal };
  const reports = await buildAll(sandbox, buildJobs(tenants), settings, onBuild);
  if (signal?.aborted === true) {
    throw new SledgeError('SLEDGE_ERR_BUILD_CANCELLED', { name: 'the functions' });
  }
  const errors = reports.flatMap(({ error }) => error ?? []);
  for (const error of errors) logger.error({ code: error.code }, error.message);
  if (errors[0] !== undefined) throw errors[0];
  return reports;
}

/** What a function wrote to standard error goes to the log. */
export function functionLog(logger: Logger) {
  return (fn: FunctionHandle | undefined, text: Uint8Array, ids?: RequestIds): void => {
    const { requestId, traceId } = ids ?? {};
    const said = Buffer.from(text.subarray(0, LOGGED_BYTES_MAX)).toString('utf8').trimEnd();
    logger.info({ tenant: fn?.tenant, function: fn?.name, requestId, traceId }, said);
  };
}

/** The worker groups of a configuration, with the policies that were created for them. */
export function planeGroups(
  config: SledgeConfig,
  policies: Pick<ServerPolicies, 'ofGroup'>,
): DataPlaneWorkerGroup[] {
  return workerGroups(config).map((group, index) => ({
    name: group.name,
    workerCount: groupWorkerCount(group),
    idle: group.idle,
    spinUs: group.spinUs,
    ...policies.ofGroup(index),
  }));
}
