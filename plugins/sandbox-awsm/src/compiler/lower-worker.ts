import { parentPort, workerData } from 'node:worker_threads';
import { SledgeError } from '@sledge/core';
import { lowerModule } from './lower';
import type { LowerAnswer, LowerOrder } from './lower-thread';
import { WasmProblem } from './problem';
import { writeSources } from './written-sources';

/** Entry of the worker_thread: lowers one module into a folder and answers once. */
async function answer(): Promise<LowerAnswer> {
  const { bytes, options, directory } = workerData as LowerOrder;
  try {
    return { written: await writeSources(directory, lowerModule(bytes, options)) };
  } catch (error) {
    if (error instanceof WasmProblem) {
      return { problem: { kind: error.kind, reason: error.reason, offset: error.offset } };
    }
    if (error instanceof SledgeError) return { unwritten: String(error.details['reason']) };
    throw error;
  }
}

void answer().then((said) => parentPort?.postMessage(said));
