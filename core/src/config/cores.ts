import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { problem } from './describe-issues';
import type { Problem } from './describe-issues';
import type { SledgeConfig } from './schema';
import { workerGroups } from './worker-groups';
import type { WorkerGroup } from './worker-groups';

/** Cores that this process may run on, ascending. */
export function allowedCores(): number[] {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
    if (list !== undefined) return parseList(list);
  } catch {
    // not Linux: all of them
  }
  return Array.from({ length: availableParallelism() }, (_, core) => core);
}

/** Workers of all groups. */
export function workerCount(workers: SledgeConfig['workers']): number {
  return workerGroups({ workers }).reduce((sum, group) => sum + groupWorkerCount(group), 0);
}

/** Workers of one group. */
export function groupWorkerCount({ count, cores }: WorkerGroup): number {
  if (count !== 'auto') return count;
  if (Array.isArray(cores)) return cores.length;
  return Math.max(1, availableParallelism() - 1);
}

/** One core for each worker, in the order of the groups; -1: unpinned. */
export function workerCores(workers: SledgeConfig['workers'], allowed = allowedCores()): number[] {
  const groups = workerGroups({ workers });
  const named = new Set(groups.flatMap(({ cores }) => (Array.isArray(cores) ? cores : [])));
  const rest = allowed.filter((core) => !named.has(core));
  const wanted = groups
    .filter(({ cores }) => cores === 'auto')
    .reduce((sum, group) => sum + groupWorkerCount(group), 0);
  const last = wanted < rest.length ? rest.slice(rest.length - wanted) : [];
  return groups.flatMap((group) => {
    const count = groupWorkerCount(group);
    if (Array.isArray(group.cores)) return group.cores.slice(0, count);
    const own = group.cores === 'auto' ? last.splice(0, count) : [];
    return own.length === count ? own : Array.from({ length: count }, () => -1);
  });
}

/** What is wrong with explicit cores on this machine. */
export function coresProblems(workers: SledgeConfig['workers']): Problem[] {
  const allowed = allowedCores();
  const taken = new Set<number>();
  return workerGroups({ workers }).flatMap((group, index) => {
    const { cores, name } = group;
    if (!Array.isArray(cores)) return [];
    const place = name === undefined ? ['workers', 'cores'] : ['workers', 'groups', index, 'cores'];
    const message = coresProblem(cores, groupWorkerCount(group), allowed, taken);
    for (const core of cores) taken.add(core);
    return message === undefined ? [] : [problem(place, message)];
  });
}

function coresProblem(
  cores: readonly number[],
  count: number,
  allowed: readonly number[],
  taken: ReadonlySet<number>,
): string | undefined {
  if (new Set(cores).size !== cores.length) return 'a core stands twice';
  const other = cores.find((core) => taken.has(core));
  if (other !== undefined) return `core ${other} is another group's already`;
  if (cores.length < count)
    return `expected ${count} cores for ${count} workers, got ${cores.length}`;
  const missing = cores.find((core) => !allowed.includes(core));
  if (missing === undefined) return undefined;
  return `core ${missing} is not among the cores of this process: ${allowed.join(', ')}`;
}

function parseList(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
