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

/** 2.2 GHz, the clock of the papers' machines, to turn their cycles into ns. */
const CYCLE_NS = 1 / 2.2;
const cycles = (count: number): number => Math.round(count * CYCLE_NS);

/**
 * Published costs by name. Figures are those that the papers give for their own machines, rounded;
 * a paper that gives none for a row leaves it zero.
 */
const PUBLISHED: Readonly<Record<string, Omit<CostModel, 'costs'> & { costs: Partial<Costs> }>> = {
  ideal: {
    costs: {},
    canPreempt: true,
    canMigrate: true,
    source: 'every mechanism is free and immediate',
  },
  shinjuku: {
    // A posted interrupt: 298 cycles to send, 1212 to take; 110 for the switch; the dispatcher
    // serves 5 million requests a second.
    costs: {
      dispatchNs: 200,
      wakeNs: 100,
      noticeNs: cycles(298),
      interruptNs: cycles(1212),
      switchNs: cycles(110),
    },
    canPreempt: true,
    canMigrate: true,
    source: 'Shinjuku (NSDI 2019): posted interrupts, one dispatcher',
  },
  concord: {
    // Polls of a cache line cost about 1 %; a miss of 150 cycles carries the news; a poll is never
    // further away than some hundreds of ns; the dispatcher hands work ahead (JBSQ).
    costs: {
      dispatchNs: 200,
      wakeNs: 100,
      noticeNs: cycles(150),
      interruptNs: cycles(150),
      granularityNs: 250,
      switchNs: cycles(110),
      inflation: 0.01,
    },
    canPreempt: true,
    canMigrate: true,
    source: 'Concord (SOSP 2023): polls placed by the compiler',
  },
  skyloft: {
    // User timer interrupts: 642 cycles to take; user threads switch in about 100 cycles.
    costs: { dispatchNs: 100, wakeNs: 100, interruptNs: cycles(642), switchNs: cycles(100) },
    canPreempt: true,
    canMigrate: true,
    source: 'Skyloft (SOSP 2024): user timer interrupts',
  },
  persephone: {
    // Its dispatcher is Shinjuku's without preemption.
    costs: { dispatchNs: 140, wakeNs: 100 },
    canPreempt: false,
    canMigrate: false,
    source: 'Persephone (SOSP 2021): one dispatcher, no preemption',
  },
};

/** Names that `costModel` knows. */
export const COST_NAMES: readonly string[] = [...Object.keys(PUBLISHED), 'measured'];

/** What this project's own benchmarks found where the machine cannot tell quickly. */
const OWN = { startNs: 75, finishNs: 1100, switchNs: 20, noticeNs: 1000, granularityNs: 4000 };
let measured: CostModel | undefined;

/** A model by name; undefined: there is none. 'measured' takes some ms, once per process. */
export function costModel(name: string): CostModel | undefined {
  if (name === 'measured') return (measured ??= measureCosts());
  const known = PUBLISHED[name];
  return known && { ...known, costs: { ...IDEAL, ...known.costs } };
}

/** This machine: wake-ups as `sledge doctor` measures them, the rest from `npm run bench`. */
function measureCosts(): CostModel {
  const { futexWakeNs = 0 } = loadBinding().binding.measureMachine();
  return {
    costs: { ...IDEAL, ...OWN, wakeNs: Math.round(futexWakeNs), inflation: 0.02 },
    canPreempt: true,
    canMigrate: false,
    source: 'wake-ups as measured on this machine now, the rest as in docs/benchmarks.md',
  };
}
