import { parentPort, workerData } from 'node:worker_threads';
import type { LowerOptions } from './layout';
import { lowerModule } from './lower';
import { WasmProblem } from './problem';
import type { LowerAnswer } from './lower-thread';

/** Entry of the worker_thread: lowers one module and answers once. */
function answer(): LowerAnswer {
  const { bytes, options } = workerData as { bytes: Uint8Array; options: LowerOptions };
  try {
    return { lowered: lowerModule(bytes, options) };
  } catch (error) {
    if (!(error instanceof WasmProblem)) throw error;
    return { problem: { kind: error.kind, reason: error.reason, offset: error.offset } };
  }
}

parentPort?.postMessage(answer());
