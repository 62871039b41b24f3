import { readFileSync } from 'node:fs';
import type { SledgeConfig } from './schema';

/** Most functions of a server. */
const FUNCTIONS_MAX = 32_768;
/** The kernel's default, for where it does not say. */
const MAP_COUNT = 65_530;
/** Of a slot: its reservation, what of it is accessible, tables. */
const MAPPINGS_PER_SLOT = 4;
const MAPPINGS_PER_MODULE = 2;
/** Heaps, threads and libraries of the process. */
const MAPPINGS_OF_OTHERS = 8192;
const LEAST = 64;

/** `limits.loadedModules` as a number. */
export function loadedModules(
  { limits, arena }: Pick<SledgeConfig, 'limits' | 'arena'>,
  mapCount = readMapCount(),
): number {
  if (limits.loadedModules !== 'auto') return limits.loadedModules;
  const left = mapCount - MAPPINGS_OF_OTHERS - arena.slots * MAPPINGS_PER_SLOT;
  return Math.min(FUNCTIONS_MAX, Math.max(LEAST, Math.floor(left / MAPPINGS_PER_MODULE)));
}

function readMapCount(): number {
  try {
    return Number(readFileSync('/proc/sys/vm/max_map_count', 'utf8'));
  } catch {
    return MAP_COUNT;
  }
}
