import path from 'node:path';
import type { Logger } from 'pino';
import { openAdmin } from '../admin';
import type { AdminListener, AdminTarget } from '../admin';
import { groupWorkerCount } from '../config/cores';
import { slotLimits, unknownDirectories } from '../config/limits';
import type { LoadedConfig } from '../config/load-config';
import { workerGroups } from '../config/worker-groups';
import type { DataPlaneWorkerGroup } from '../contracts/data-plane';
import type { SandboxInstance } from '../contracts/kinds';
import { SledgeError } from '../errors/sledge-error';
import { buildAll, cacheDirectoryOf } from '../functions/build-functions';
import type { BuildReport } from '../functions/build-functions';
import { ModuleRepair } from '../functions/module-repair';
import type { LiveControl } from '../control/live-control';
import { buildJobs } from '../functions/function-registry';
import type { ServerPolicies } from './server-policies';
import type { SledgeOptions } from './sledge';
import type { TransportServices } from './transport-services';

/** @throws SledgeError SLEDGE_ERR_CONFIG_INVALID for limits that the sandbox does not know. */
export function checkSandbox(
  { config, file, folder }: LoadedConfig,
  sandbox: SandboxInstance,
): void {
  if (sandbox.workers === 'native') return;
  const problems = slotLimits(config.tenants);
  if (sandbox.hasDirectories !== true) problems.push(...unknownDirectories(config.tenants));
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

/** Every listener of the admin API that the configuration asks for. Throws as `openAdmin` does. */
export function openAdminOf(
  target: AdminTarget & { readonly logger: Logger },
  { config, folder }: LoadedConfig,
  services: TransportServices,
): Promise<AdminListener[]> {
  const { socket, tokensFile } = config.admin;
  const absolute = (file: string | undefined) => file && path.resolve(folder, file);
  const paths = { socket: absolute(socket), tokensFile: absolute(tokensFile) };
  const watchFiles = services.watchFiles.bind(services);
  return openAdmin(target, { ...config.admin, ...paths }, { logger: target.logger, watchFiles });
}

/** Worker groups with their policies. */
export function planeGroups(
  { config }: LoadedConfig,
  policies: ServerPolicies,
): DataPlaneWorkerGroup[] {
  return workerGroups(config).map((group, index) => ({
    name: group.name,
    workerCount: groupWorkerCount(group),
    idle: group.idle,
    spinUs: group.spinUs,
    ...policies.ofGroup(index),
  }));
}

/** Builds again what calls find gone. */
export function repairBy(live: LiveControl, logger: Logger): ModuleRepair {
  return new ModuleRepair(
    async (id) => {
      logger.warn('what was built of a function has vanished: it is built again');
      await live.rebuild(id);
    },
    (_id, error) => logger.error({ err: error }, 'a function cannot be built again'),
  );
}
