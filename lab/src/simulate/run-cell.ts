import { SledgeError } from '@sledge/core';
import type { NativeSimulation, NativeSimulationResult } from '@sledge/core';
import { loadBinding, reasonOf } from '@sledge/core/host';
import { nativeWorkload } from '../workloads';
import type { Cell, FullCellResult } from './cell';
import { checkCluster, nativeCluster } from './cluster';
import { openForm } from './policies';
import { cellResult } from './result';

const ALIVE_MAX = 65_536;
const WARMUP_SHARE = 1 / 20;

/**
 * Simulates one cell on this thread.
 * @param onProgress called now and then with the number of arrivals; false ends the run
 * @returns undefined when it was ended
 * @throws SledgeError SLEDGE_ERR_LAB_CELL when the native part refuses it, or a policy throws
 */
export function runCell(
  cell: Cell,
  onProgress?: (arrivals: number) => boolean,
): FullCellResult | undefined {
  let native: NativeSimulationResult | null;
  try {
    native = loadBinding().binding.simulate(nativeCell(cell), onProgress);
  } catch (error) {
    if (error instanceof SledgeError) throw error;
    throw new SledgeError('SLEDGE_ERR_LAB_CELL', { reason: reasonOf(error) }, { cause: error });
  }
  return native === null ? undefined : cellResult(cell, native);
}

function nativeCell(cell: Cell): NativeSimulation {
  const { requests, seed, workers, load, costs } = cell;
  within('workers', workers, 1, 4096);
  within('requests', requests, 1, 1e12);
  within('seed', seed, 0, 2 ** 53 - 1);
  if (load !== undefined && !(load > 0 && load <= 100)) refuse(`load is ${load}`);
  const isRecorded = cell.workload.arrivals.kind === 'recorded';
  if (load === undefined && !isRecorded) refuse('a load is missing');
  if (cell.cluster !== undefined) checkCluster(cell, cell.cluster);
  const groups = cell.cluster?.nodes ?? cell.groups ?? 1;
  within('groups', groups, 1, workers);
  const maxRequests = cell.maxRequests ?? Math.max(ALIVE_MAX, 64 * workers);
  within('maxRequests', maxRequests, 1, 2 ** 20);
  const optional = (name: 'estimator' | 'admission') => {
    const form = cell[name];
    return form !== undefined && 'native' in form ? form.native : null;
  };
  return {
    workload: nativeWorkload(cell.workload),
    load: load ?? 0,
    requests,
    warmup: cell.warmup ?? Math.floor(requests * WARMUP_SHARE),
    seed,
    workers,
    groups,
    spread: cell.spread ?? 'random',
    preemption: cell.canPreempt ?? true,
    migration: cell.canMigrate ?? true,
    maxRequests,
    queuePerWorker: cell.queuePerWorker ?? maxRequests,
    recordMax: cell.recordMax ?? 0,
    series: cell.hasSeries ?? false,
    costs: { ...costs },
    dispatcher: openForm(cell.dispatcher, seed),
    scheduler: openForm(cell.scheduler, seed),
    estimator: optional('estimator'),
    admission: optional('admission'),
    cluster: cell.cluster === undefined ? undefined : nativeCluster(cell, cell.cluster),
  };
}

function within(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  refuse(`${name} is ${value}, not a whole number from ${least} to ${most}`);
}

function refuse(reason: string): never {
  throw new SledgeError('SLEDGE_ERR_LAB_CELL', { reason });
}
