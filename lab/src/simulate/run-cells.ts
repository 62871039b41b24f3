import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { SledgeError } from '@sledge/core';
import type { ErrorCode } from '@sledge/core';
import { reasonOf } from '@sledge/core/host';
import type { Cell, FullCellResult } from './cell';
import type { CellAnswer, CellJob } from './worker';

const PROGRESS_MS = 200;

export interface RunOptions {
  /** Default: one per core. The results are the same for any number. */
  readonly threads?: number | undefined;
  /** Several times a second: requests simulated so far, of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** When one cell is done, in any order. */
  readonly onCell?: ((index: number, full: FullCellResult) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Simulates cells on worker threads. @returns the results in the order of the cells.
 * @throws SledgeError of the first cell that fails; SLEDGE_ERR_LAB_CELL when it was aborted
 */
export async function runCells(
  cells: readonly Cell[],
  options: RunOptions = {},
): Promise<FullCellResult[]> {
  const progress = new SharedArrayBuffer(8 * (cells.length + 1));
  const done = new Float64Array(progress);
  const total = cells.reduce((sum, cell) => sum + cell.requests, 0);
  const report = () =>
    options.onProgress?.(
      done.subarray(1).reduce((a, b) => a + b, 0),
      total,
    );
  const timer = setInterval(report, PROGRESS_MS);
  const stop = () => (done[0] = 1);
  options.signal?.addEventListener('abort', stop);
  if (options.signal?.aborted) stop();
  try {
    const results = await new Pool(cells, progress, options).run();
    report();
    return results;
  } finally {
    clearInterval(timer);
    options.signal?.removeEventListener('abort', stop);
  }
}

/** Threads that each take the next cell until there is none. */
class Pool {
  private readonly results: FullCellResult[] = [];
  private next = 0;

  constructor(
    private readonly cells: readonly Cell[],
    private readonly progress: SharedArrayBuffer,
    private readonly options: RunOptions,
  ) {}

  async run(): Promise<FullCellResult[]> {
    const wanted = this.options.threads ?? availableParallelism();
    const threads = Math.max(1, Math.min(wanted, this.cells.length));
    const outcomes = await Promise.allSettled(Array.from({ length: threads }, () => this.thread()));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    return this.results;
  }

  private async thread(): Promise<void> {
    const worker = new Worker(workerFile());
    try {
      for (let index = this.next++; index < this.cells.length; index = this.next++) {
        const full = await this.ask(worker, index);
        this.results[index] = full;
        new Float64Array(this.progress)[index + 1] = this.cells[index]?.requests ?? 0;
        this.options.onCell?.(index, full);
      }
    } catch (error) {
      this.next = this.cells.length;
      new Float64Array(this.progress)[0] = 1;
      throw error;
    } finally {
      await worker.terminate();
    }
  }

  private ask(worker: Worker, index: number): Promise<FullCellResult> {
    return new Promise((resolve, reject) => {
      const failed = (error: unknown) =>
        reject(new SledgeError('SLEDGE_ERR_LAB_CELL', { reason: reasonOf(error) }));
      worker.removeAllListeners();
      worker.on('error', failed);
      worker.on('exit', () => failed(new Error('its thread has ended')));
      worker.on('message', (answer: CellAnswer) => {
        if ('error' in answer) reject(revived(answer.error));
        else if (answer.full === undefined) failed(new Error('it was stopped'));
        else resolve(answer.full);
      });
      const cell = this.cells[index] as Cell;
      worker.postMessage({ index, cell, progress: this.progress } satisfies CellJob);
    });
  }
}

function revived({ code, details }: { code: string; details: object }): SledgeError {
  return new SledgeError(code as ErrorCode, details as Record<string, string | number>);
}

/** Worker threads run what is built, also when this file runs from source. */
function workerFile(): string {
  const beside = path.join(__dirname, 'worker.js');
  return existsSync(beside) ? beside : path.join(__dirname, '../../dist/simulate/worker.js');
}
