import { workerCores, workerCount } from './cores';
import type { LoadedPlugin } from '../plugins/plugin-host';
import type { LoadedConfig } from './load-config';

/**
 * What is in force, as plain data: every default filled, `auto` resolved, functions by absolute
 * path, and each plugin as [name, options].
 */
export function effectiveConfig(
  loaded: LoadedConfig,
  plugins: readonly LoadedPlugin[],
): Record<string, unknown> {
  const { config } = loaded;
  const choice = (place: string): unknown => {
    const plugin = plugins.find((candidate) => candidate.place === place);
    return plugin && [plugin.definition.name, plugin.options];
  };
  return {
    workers: {
      ...config.workers,
      count: workerCount(config.workers),
      cores: workerCores(config.workers),
    },
    arena: config.arena,
    limits: config.limits,
    transports: config.transports.map((_, index) => choice(`transports[${index}]`)),
    dispatcher: choice('dispatcher'),
    scheduler: choice('scheduler'),
    estimator: choice('estimator') ?? 'none',
    admission: choice('admission') ?? 'none',
    preemption: config.preemption,
    sandbox: choice('sandbox'),
    build: config.build,
    functionPath: config.functionPath,
    lifecycle: config.lifecycle,
    log: config.log,
    seed: config.seed,
    tenants: config.tenants,
  };
}
