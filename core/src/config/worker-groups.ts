import type { FunctionConfig, SledgeConfig, TenantConfig } from './schema';

type Workers = SledgeConfig['workers'];

/** One group of workers as it is in force, but for its policies. */
export interface WorkerGroup {
  /** Undefined: the only one, of a configuration without groups. */
  name: string | undefined;
  /** 'auto': as many as there is room for. */
  count: Workers['count'];
  cores: Workers['cores'];
  idle: Workers['idle'];
  spinUs: number;
}

/** Every worker group, at least one, in the order of their workers. */
export function workerGroups({ workers }: Pick<SledgeConfig, 'workers'>): WorkerGroup[] {
  const { count, cores, idle, spinUs, groups } = workers;
  if (groups === undefined) return [{ name: undefined, count, cores, idle, spinUs }];
  return groups.map((group) => {
    const own = group.cores ?? cores;
    return {
      name: group.name,
      count: group.count ?? (Array.isArray(own) ? own.length : 1),
      cores: own,
      idle: group.idle ?? idle,
      spinUs: group.spinUs ?? spinUs,
    };
  });
}

/** Index of the worker group that runs a function. */
export function workerGroupOf(
  config: Pick<SledgeConfig, 'workers'>,
  tenant: TenantConfig,
  fn: FunctionConfig,
): number {
  const name = fn.workerGroup ?? tenant.workerGroup;
  const index = config.workers.groups?.findIndex((group) => group.name === name) ?? 0;
  return Math.max(index, 0);
}
