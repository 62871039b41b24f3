import { groupWorkerCount, workerCores, workerCount } from './cores';
import type { PluginKind } from '../contracts/plugin';
import type { LoadedPlugin } from '../plugins/plugin-host';
import type { LoadedConfig } from './load-config';
import type { SledgeConfig } from './schema';
import { workerGroups } from './worker-groups';

/**
 * What is in force, as plain data: every default filled, `auto` resolved, functions by absolute
 * path, and each plugin as [name, options].
 */
export function effectiveConfig(
  loaded: LoadedConfig,
  plugins: readonly LoadedPlugin[],
): Record<string, unknown> {
  const { config } = loaded;
  const { groups, ...workers } = config.workers;
  const at = (place: string): unknown => shown(plugins.find((plugin) => plugin.place === place));
  return {
    workers: {
      ...workers,
      count: workerCount(config.workers),
      cores: workerCores(config.workers),
      ...(groups && { groups: groupsInForce(config, plugins) }),
    },
    arena: config.arena,
    limits: config.limits,
    transports: config.transports.map((_, index) => at(`transports[${index}]`)),
    // with groups these are defaults, which need not be in force anywhere
    dispatcher: at('dispatcher') ?? config.dispatcher,
    scheduler: at('scheduler') ?? config.scheduler,
    estimator: at('estimator') ?? config.estimator,
    admission: at('admission') ?? config.admission,
    placement: at('placement') ?? config.placement,
    preemption: config.preemption,
    sandbox: at('sandbox'),
    hosts: config.hosts.map((_, index) => at(`hosts[${index}]`)),
    build: config.build,
    functionPath: config.functionPath,
    lifecycle: config.lifecycle,
    log: config.log,
    seed: config.seed,
    ...(config.tls && { tls: config.tls }),
    tenants: config.tenants,
  };
}

function groupsInForce(config: SledgeConfig, plugins: readonly LoadedPlugin[]): object[] {
  const cores = workerCores(config.workers);
  return workerGroups(config).map((group, index) => {
    const count = groupWorkerCount(group);
    const policy = (kind: PluginKind): unknown =>
      shown(plugins.find((one) => one.workerGroup === index && one.definition.kind === kind));
    return {
      ...group,
      count,
      cores: cores.splice(0, count),
      dispatcher: policy('dispatcher'),
      scheduler: policy('scheduler'),
      estimator: policy('estimator') ?? 'none',
      admission: policy('admission') ?? 'none',
    };
  });
}

function shown(plugin: LoadedPlugin | undefined): unknown {
  return plugin && [plugin.definition.name, plugin.options];
}
