import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { LowerOptions } from './layout';
import { cacheError } from './cache';
import { lowerModule } from './lower';
import { WasmProblem } from './problem';
import { writeSources, type WrittenSources } from './written-sources';

export interface LowerOrder {
  readonly bytes: Uint8Array;
  readonly options: LowerOptions;
  /** Where the C goes. */
  readonly directory: string;
  /** Of the thread; more is SLEDGE_ERR_BUILD_COMPILER_LIMIT. */
  readonly heapBytes: number;
}

/** One of these. */
export interface LowerAnswer {
  readonly written?: WrittenSources;
  readonly problem?: { kind: WasmProblem['kind']; reason: string; offset: number };
  /** Why the folder takes no more. */
  readonly unwritten?: string;
}

/** Smaller modules take less time than starting a thread. */
const INLINE_BYTES_MAX = 16 * 1024;
const MIB = 1024 * 1024;

/** From sources the worker's script is the built one; without a build it runs here. */
function workerScript(): string {
  const folder = __filename.endsWith('.ts') ? join(__dirname, '../../dist/compiler') : __dirname;
  return join(folder, 'lower-worker.js');
}

/**
 * Lowers a module without holding up the event loop for long.
 * @throws WasmProblem, or SledgeError SLEDGE_ERR_BUILD_CACHE.
 */
export async function lowerInThread(
  order: LowerOrder,
  signal: AbortSignal,
): Promise<WrittenSources> {
  const { bytes, options, directory } = order;
  const script = workerScript();
  if (bytes.length <= INLINE_BYTES_MAX || !existsSync(script)) {
    return writeSources(directory, lowerModule(bytes, options));
  }
  const answer = await askWorker(script, order, signal);
  if (answer.problem !== undefined) {
    const { kind, reason, offset } = answer.problem;
    throw new WasmProblem(kind, reason, offset);
  }
  if (answer.unwritten !== undefined) throw cacheError(directory, new Error(answer.unwritten));
  if (answer.written === undefined) throw new Error('the lowering thread gave no answer');
  return answer.written;
}

function askWorker(script: string, order: LowerOrder, signal: AbortSignal): Promise<LowerAnswer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, {
      workerData: order,
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(order.heapBytes / MIB) },
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
