import { parentPort, workerData } from 'node:worker_threads';
import { SnapshotRefusal } from './build-host';
import { takeSnapshot } from './capture';
import type { SnapshotAnswer } from './index';

/** Entry of the worker_thread: takes one snapshot and answers once. */
function answer(): SnapshotAnswer {
  const { wasm, input } = workerData as { wasm: Uint8Array; input: Uint8Array };
  try {
    return takeSnapshot(wasm, input);
  } catch (error) {
    if (error instanceof SnapshotRefusal) return { refusal: error.message };
    if (error instanceof RangeError) return { refusal: `it is no module: ${error.message}` };
    throw error;
  }
}

parentPort?.postMessage(answer());
