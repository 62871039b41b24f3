import { statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { problem } from './describe-issues';
import type { Problem } from './describe-issues';

const PREOPENS_MAX = 16;
const NAME_BYTES_MAX = 255;

interface WithPreopens {
  tenants: { functions: { preopens: Record<string, string> }[] }[];
}

/** Directories of the host by the absolute names that a function knows them by. */
export const preopensSchema = z
  .record(
    z.string().refine(isGuestName, 'an absolute path without "." and "..", such as "/data"'),
    z.string().min(1).max(4096),
  )
  .refine((all) => Object.keys(all).length <= PREOPENS_MAX, `at most ${PREOPENS_MAX} directories`);

/** Writes the absolute path of each directory into the config. */
export function resolvePreopens(config: WithPreopens, folder: string): Problem[] {
  const problems: Problem[] = [];
  config.tenants.forEach((tenant, index) => {
    tenant.functions.forEach(({ preopens }, inner) => {
      for (const [name, directory] of Object.entries(preopens)) {
        const absolute = path.resolve(folder, directory);
        preopens[name] = absolute;
        if (isDirectory(absolute)) continue;
        const keys = ['tenants', index, 'functions', inner, 'preopens', name];
        problems.push(problem(keys, `there is no directory ${absolute}`));
      }
    });
  });
  return problems;
}

function isDirectory(absolute: string): boolean {
  try {
    return statSync(absolute).isDirectory();
  } catch {
    return false;
  }
}

function isGuestName(name: string): boolean {
  const isNormal = name.startsWith('/') && path.posix.normalize(name) === name;
  return isNormal && !name.includes('\0') && Buffer.byteLength(name) <= NAME_BYTES_MAX;
}
