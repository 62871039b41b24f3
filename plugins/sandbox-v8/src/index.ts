import path from 'node:path';
import { definePlugin, z } from '@sledge/core';
import { buildModule } from './build';

/** Functions on Node's own WebAssembly, in worker_threads: no compiler, any machine. */
export default definePlugin({
  name: 'sandbox-v8',
  kind: 'sandbox',
  apiVersion: 1,
  options: z.strictObject({}),
  create() {
    return {
      workers: 'javascript' as const,
      // From src as from dist: a worker_thread cannot run TypeScript.
      workerScript: path.join(__dirname, '..', 'dist', 'worker.js'),
      hasDirectories: true,
      build: buildModule,
    };
  },
});
