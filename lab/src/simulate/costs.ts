import path from 'node:path';
import { SledgeError } from '@sledge/core';
import type { NativeCosts } from '@sledge/core';
import { hint, loadBinding } from '@sledge/core/host';
import { readCosts } from './costs-file';
import { readMeasured, rememberMachine } from './measured-costs';
import { PUBLISHED } from './published-costs';

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

export const IDEAL: Costs = {
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
export const COST_NAMES: readonly string[] = [
  'this-machine',
  'this-machine-signals',
  'ideal',
  'assumed',
  ...Object.keys(PUBLISHED),
];

let machineNow: Readonly<Record<string, number>> | undefined;

/**
 * A model by name; undefined: there is none. 'this-machine' and 'assumed' may take some ms, once
 * per process.
 * @throws SledgeError SLEDGE_ERR_LAB_COSTS: this machine's wake-ups cannot be measured
 */
export function costModel(name: string): CostModel | undefined {
  const model = { canPreempt: true, canMigrate: true };
  if (name === 'this-machine') return thisMachine('safepoints');
  if (name === 'this-machine-signals') return thisMachine('signals');
  if (name === 'assumed') {
    const source = 'wake-ups measured now, the rest assumed by order of magnitude';
    return { ...model, costs: { ...IDEAL, ...ASSUMED, wakeNs: measuredWakeNs() }, source };
  }
  if (name === 'ideal') {
    return { ...model, costs: IDEAL, source: 'every mechanism is free and immediate' };
  }
  const published = PUBLISHED[name];
  if (published === undefined) return undefined;
  return { ...model, costs: { ...IDEAL, ...published.costs }, source: published.source };
}

/**
 * A model by name, or from a JSON file (a path that ends in `.json`).
 * @param folder where relative paths start
 * @throws SledgeError SLEDGE_ERR_LAB_COSTS
 */
export function loadCosts(source: string, folder: string): CostModel {
  if (source.endsWith('.json')) return readCosts(path.resolve(folder, source), IDEAL);
  const model = costModel(source);
  if (model !== undefined) return model;
  const near = hint(source, COST_NAMES);
  const reason = `there are none of this name${near} (names: ${COST_NAMES.join(', ')})`;
  throw new SledgeError('SLEDGE_ERR_LAB_COSTS', { costs: source, reason });
}

/**
 * What was measured here before, so that runs can be repeated; what `sledge doctor` measures is
 * measured, and kept, if it never was. The rest is assumed and named as such.
 */
function thisMachine(by: 'safepoints' | 'signals'): CostModel {
  const { wakeNs: known, noticeNs } = readMeasured(by);
  if (known === undefined || (by === 'signals' && noticeNs === undefined)) {
    measuredWakeNs();
    rememberMachine(machineNow ?? {});
  }
  const measured = readMeasured(by);
  const wakeNs = measured.wakeNs ?? measuredWakeNs();
  const costs = { ...IDEAL, ...ASSUMED, ...measured, wakeNs };
  const assumed = Object.keys(ASSUMED).filter((key) => !(key in measured));
  const source =
    assumed.length === 0
      ? 'measured on this machine'
      : `measured on this machine, but for ${assumed.join(', ')}: assumed ` +
        '(npm run bench -- preempt, and -- sandbox, measure them)';
  return { costs, canPreempt: true, canMigrate: true, source };
}

function measuredWakeNs(): number {
  machineNow ??= loadBinding().binding.measureMachine();
  const { futexWakeNs = -1 } = machineNow;
  if (futexWakeNs >= 0) return Math.round(futexWakeNs);
  const reason = 'the wake-up of a thread could not be measured on this machine';
  throw new SledgeError('SLEDGE_ERR_LAB_COSTS', { costs: 'this-machine', reason });
}
