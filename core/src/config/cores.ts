import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { SledgeConfig } from './schema';

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

/** `workers.count` as a number. */
export function workerCount(workers: SledgeConfig['workers']): number {
  if (workers.count !== 'auto') return workers.count;
  if (Array.isArray(workers.cores)) return workers.cores.length;
  return Math.max(1, availableParallelism() - 1);
}

/** One core for each worker; -1: unpinned. */
export function workerCores(workers: SledgeConfig['workers'], allowed = allowedCores()): number[] {
  const count = workerCount(workers);
  if (Array.isArray(workers.cores)) return workers.cores.slice(0, count);
  const isPinned = workers.cores === 'auto' && count < allowed.length;
  return isPinned ? allowed.slice(-count) : Array.from({ length: count }, () => -1);
}

/** What is wrong with explicit cores on this machine, in words. */
export function coresProblem(workers: SledgeConfig['workers']): string | undefined {
  const { cores } = workers;
  if (!Array.isArray(cores)) return undefined;
  if (new Set(cores).size !== cores.length) return 'a core stands twice';
  const count = workerCount(workers);
  if (cores.length < count)
    return `expected ${count} cores for ${count} workers, got ${cores.length}`;
  const allowed = allowedCores();
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
