import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { LowerOptions } from './layout';
import { type LoweredModule, lowerModule } from './lower';
import { WasmProblem } from './problem';

export interface LowerAnswer {
  readonly lowered?: LoweredModule;
  readonly problem?: { kind: WasmProblem['kind']; reason: string; offset: number };
}

/** Smaller modules take less time than starting a thread. */
const INLINE_BYTES_MAX = 16 * 1024;
const HEAP_MIB_MAX = 4096;

/** From sources the worker's script is the built one; without a build it runs here. */
function workerScript(): string {
  const folder = __filename.endsWith('.ts') ? join(__dirname, '../../dist/compiler') : __dirname;
  return join(folder, 'lower-worker.js');
}

/** Lowers a module without holding up the event loop for long. Throws a WasmProblem. */
export async function lowerInThread(
  bytes: Uint8Array,
  options: LowerOptions,
  signal: AbortSignal,
): Promise<LoweredModule> {
  const script = workerScript();
  if (bytes.length <= INLINE_BYTES_MAX || !existsSync(script)) return lowerModule(bytes, options);
  const answer = await askWorker(script, bytes, options, signal);
  if (answer.problem !== undefined) {
    const { kind, reason, offset } = answer.problem;
    throw new WasmProblem(kind, reason, offset);
  }
  if (answer.lowered === undefined) throw new Error('the lowering thread gave no answer');
  return answer.lowered;
}

function askWorker(
  script: string,
  bytes: Uint8Array,
  options: LowerOptions,
  signal: AbortSignal,
): Promise<LowerAnswer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, {
      workerData: { bytes, options },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
      execArgv: [],
    });
    const stop = (): void => {
      void worker.terminate();
    };
    signal.addEventListener('abort', stop, { once: true });
    worker.on('message', resolve);
    worker.on('error', reject);
    worker.on('exit', () => {
      signal.removeEventListener('abort', stop);
      reject(new Error('the lowering thread ended without an answer'));
    });
  });
}
