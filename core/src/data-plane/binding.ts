import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { NativeBinding } from '../contracts/native';
import { reasonOf } from '../errors/reason';
import { SledgeError } from '../errors/sledge-error';

const BUILT = join('build', 'native', 'sledge.node');

/** What `loadBinding` loads, and what a worker_thread is to `require`. */
export interface LoadedBinding {
  readonly path: string;
  readonly binding: NativeBinding;
}

/**
 * Loads the native part: SLEDGE_NATIVE_PATH, else build/native/sledge.node of the checkout that
 * this file belongs to.
 * @throws SledgeError SLEDGE_ERR_NATIVE_MISSING, SLEDGE_ERR_NATIVE_ARCHITECTURE.
 */
export function loadBinding(): LoadedBinding {
  const named = process.env.SLEDGE_NATIVE_PATH;
  const path = named ? resolve(named) : findBuilt(__dirname);
  if (path === undefined) {
    throw new SledgeError('SLEDGE_ERR_NATIVE_MISSING', { reason: `there is no ${BUILT}.` });
  }
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    return { path, binding: require(path) as NativeBinding };
  } catch (error) {
    if (process.arch !== 'x64') {
      throw new SledgeError('SLEDGE_ERR_NATIVE_ARCHITECTURE', { arch: process.arch });
    }
    throw new SledgeError('SLEDGE_ERR_NATIVE_MISSING', { reason: reasonOf(error) });
  }
}

function findBuilt(start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    const path = join(folder, BUILT);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) return undefined;
  }
}
