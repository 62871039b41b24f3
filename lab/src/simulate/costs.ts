import { SledgeError } from '@sledge/core';
import type { NativeCosts } from '@sledge/core';
import { loadBinding } from '@sledge/core/host';

/** What a machine's mechanisms cost, ns; what each means: native/src/lab/simulation.hpp. */
export type Costs = Readonly<NativeCosts>;

/** How running work is taken off a worker. */
export interface CostModel {
  readonly costs: Costs;
  readonly canPreempt: boolean;
  /** A preempted request may resume on any worker. */
  readonly canMigrate: boolean;
  /** Where the figures come from. */
  readonly source: string;
}

const IDEAL: Costs = {
  networkNs: 0,
  dispatchNs: 0,
  wakeNs: 0,
  startNs: 0,
  finishNs: 0,
  switchNs: 0,
  noticeNs: 0,
  interruptNs: 0,
  granularityNs: 0,
  timerNs: 0,
  inflation: 0,
};

/** What is assumed where nothing measures it; number by number in docs/guides/lab.md. */
const ASSUMED = {
  startNs: 75,
  finishNs: 1100,
  switchNs: 20,
  noticeNs: 1000,
  granularityNs: 4000,
  inflation: 0.02,
};

/** Names that `costModel` knows. */
export const COST_NAMES: readonly string[] = ['ideal', 'assumed'];

let assumed: CostModel | undefined;

/**
 * A model by name; undefined: there is none. 'assumed' takes some ms, once per process.
 * @throws SledgeError SLEDGE_ERR_LAB_CELL: this machine's wake-ups cannot be measured
 */
export function costModel(name: string): CostModel | undefined {
  if (name === 'assumed') return (assumed ??= assumedCosts());
  if (name !== 'ideal') return undefined;
  const source = 'every mechanism is free and immediate';
  return { costs: IDEAL, canPreempt: true, canMigrate: true, source };
}

function assumedCosts(): CostModel {
  const { futexWakeNs } = loadBinding().binding.measureMachine();
  if (futexWakeNs === undefined) {
    const reason = 'the wake-up of a thread could not be measured on this machine';
    throw new SledgeError('SLEDGE_ERR_LAB_CELL', { reason });
  }
  return {
    costs: { ...IDEAL, ...ASSUMED, wakeNs: Math.round(futexWakeNs) },
    canPreempt: true,
    canMigrate: true,
    source: 'wake-ups measured now, the rest assumed by order of magnitude',
  };
}
