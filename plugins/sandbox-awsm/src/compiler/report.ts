import { SledgeError } from '@sledge/core';
import { UNSUPPORTED_FEATURES, WasmProblem } from './problem';

/** The catalogue's error for what went wrong while a module was built. */
export function toSledgeError(name: string, error: unknown): unknown {
  if (!(error instanceof WasmProblem)) return wrapOutOfMemory(name, error);
  const { reason, offset } = error;
  switch (error.kind) {
    case 'malformed':
      return new SledgeError('SLEDGE_ERR_BUILD_MALFORMED', { name, reason, offset });
    case 'invalid':
      return new SledgeError('SLEDGE_ERR_BUILD_INVALID', { name, reason, offset });
    case 'unsupported': {
      const wayOut = UNSUPPORTED_FEATURES[reason as keyof typeof UNSUPPORTED_FEATURES];
      const details = { name, feature: reason, offset, wayOut };
      return new SledgeError('SLEDGE_ERR_BUILD_UNSUPPORTED', details);
    }
    case 'limit': {
      const feature = `more ${reason} than allowed`;
      const details = { name, feature, offset, wayOut: 'Make the module smaller.' };
      return new SledgeError('SLEDGE_ERR_BUILD_UNSUPPORTED', details);
    }
  }
}

function wrapOutOfMemory(name: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code !== 'ERR_WORKER_OUT_OF_MEMORY') return error;
  return new SledgeError('SLEDGE_ERR_BUILD_COMPILER_LIMIT', { name, limit: 'heapBytes' });
}
