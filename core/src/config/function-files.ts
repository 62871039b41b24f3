import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { reasonOf } from '../errors/reason';
import { nearestName } from '../nearest';

/**
 * The function file that a config names: absolute, or in the first folder that has it.
 * @returns the absolute path, or what is wrong.
 */
export function findFunctionFile(
  file: string,
  folders: readonly string[],
): { file: string } | { message: string } {
  const reasons = new Set<string>();
  for (const folder of folders) {
    const candidate = path.resolve(folder, file);
    try {
      if (isFile(candidate)) return { file: candidate };
    } catch (error) {
      reasons.add(reasonOf(error));
    }
  }
  if (reasons.size > 0) return { message: `cannot be looked up: ${[...reasons].join('; ')}` };
  const nearest = nearestName(path.basename(file), wasmFilesIn(folders));
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  const searched = path.isAbsolute(file) ? '' : ` in ${folders.join(', ')}`;
  return { message: `there is no file ${file}${searched}${hint}` };
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

function wasmFilesIn(folders: readonly string[]): string[] {
  return folders.flatMap((folder) => {
    try {
      return readdirSync(folder).filter((entry) => entry.endsWith('.wasm'));
    } catch {
      return [];
    }
  });
}
