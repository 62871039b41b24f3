// Runs in a worker_thread: simulates the cells that it is sent, one after another.
import { parentPort } from 'node:worker_threads';
import { asSledgeError } from '@sledge/core/host';
import type { Cell } from './cell';
import { runCell } from './run-cell';

export interface CellJob {
  readonly index: number;
  readonly cell: Cell;
  /** Arrivals done, at `index`; all bits set at 0: stop. */
  readonly progress: SharedArrayBuffer;
}

export type CellAnswer =
  | { readonly index: number; readonly full: ReturnType<typeof runCell> }
  | { readonly index: number; readonly error: { code: string; details: object; reason: string } };

parentPort?.on('message', ({ index, cell, progress }: CellJob) => {
  const done = new Float64Array(progress);
  try {
    const full = runCell(cell, (arrivals) => {
      done[index + 1] = arrivals;
      return done[0] === 0;
    });
    parentPort?.postMessage({ index, full } satisfies CellAnswer);
  } catch (thrown) {
    const { code, details, message } = asSledgeError(thrown);
    const error = { code, details, reason: message };
    parentPort?.postMessage({ index, error } satisfies CellAnswer);
  }
});
