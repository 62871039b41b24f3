import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * Makes a folder and those above it that are missing; fine if it is there. Throws the error of the
 * file system otherwise. (Node's recursive mkdir never returns where a folder can be made in no
 * existing parent, as below /proc.)
 */
export async function ensureDirectory(directory: string): Promise<void> {
  const missing: string[] = [];
  let folder = path.resolve(directory);
  while (!(await exists(folder))) {
    missing.push(folder);
    folder = path.dirname(folder);
  }
  for (const next of missing.reverse()) {
    try {
      await mkdir(next);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function exists(folder: string): Promise<boolean> {
  try {
    await stat(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
