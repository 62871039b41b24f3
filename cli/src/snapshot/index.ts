import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { SledgeError } from '@sledge/core';

/** Initialisation that takes longer has a loop. */
const TIME_LIMIT_MS = 30_000;

export interface SnapshotAnswer {
  readonly wasm?: Uint8Array;
  readonly log?: string;
  readonly refusal?: string;
}

/**
 * A module as it is after its initialisation, which runs on a thread of its own with a time limit.
 * @param name for messages
 * @param input standard input while it starts
 * @throws SledgeError SLEDGE_ERR_BUILD_SNAPSHOT with the reason why it cannot be had.
 */
export async function snapshot(
  name: string,
  wasm: Uint8Array,
  input: Uint8Array = new Uint8Array(0),
): Promise<{ wasm: Uint8Array; log: string }> {
  const answer = await ask(wasm, input);
  if (answer.wasm !== undefined) return { wasm: answer.wasm, log: answer.log ?? '' };
  const reason = answer.refusal ?? 'it ended without an answer';
  throw new SledgeError('SLEDGE_ERR_BUILD_SNAPSHOT', { name, reason });
}

/** The thread's script is the built one also when this runs from source. */
function script(): string {
  const folder = __filename.endsWith('.ts')
    ? path.join(__dirname, '..', '..', 'dist', 'snapshot')
    : __dirname;
  return path.join(folder, 'snapshot-worker.js');
}

function ask(wasm: Uint8Array, input: Uint8Array): Promise<SnapshotAnswer> {
  return new Promise((resolve) => {
    const worker = new Worker(script(), { workerData: { wasm, input }, execArgv: [] });
    const limit = setTimeout(() => {
      resolve({ refusal: `it has not started within ${TIME_LIMIT_MS / 1000} s` });
      void worker.terminate();
    }, TIME_LIMIT_MS);
    worker.on('message', resolve);
    worker.on('error', (error) => resolve({ refusal: error.message }));
    worker.on('exit', () => {
      clearTimeout(limit);
      resolve({});
    });
  });
}
