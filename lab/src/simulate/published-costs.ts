import type { NativeCosts } from '@sledge/core';

/** What a paper says of its mechanism; number by number, with what was checked, in docs. */
export interface PublishedCosts {
  readonly costs: Partial<NativeCosts>;
  readonly source: string;
}

/** Cycles of a paper as time, at 2.0 GHz: Skyloft's machine; for the others assumed by us. */
const cycles = (count: number): number => Math.round(count / 2.0);

/** The text of the papers was not at hand: docs/guides/lab.md says which figures were checked. */
export const PUBLISHED: Readonly<Record<string, PublishedCosts>> = {
  shinjuku: {
    costs: { interruptNs: cycles(1212) },
    source:
      'Shinjuku (NSDI 2019): a posted interrupt takes 1212 cycles of its receiver ' +
      '(quoted from memory, at 2.0 GHz), all else is free',
  },
  concord: {
    costs: { interruptNs: cycles(150), inflation: 0.01 },
    source:
      'Concord (SOSP 2023): a cache line that was written elsewhere takes 150 cycles, polls 1 % ' +
      '(both quoted from memory, at 2.0 GHz), all else is free',
  },
  skyloft: {
    costs: { interruptNs: cycles(642), timerNs: 5000 },
    source:
      'Skyloft (SOSP 2024): a timer of 5 us (its abstract), whose interrupt takes 642 cycles at ' +
      '2.0 GHz (quoted from memory), all else is free',
  },
  'kernel-ipi': {
    costs: { interruptNs: cycles(1582) },
    source:
      'an interrupt between cores through the kernel takes 1582 cycles of its receiver at ' +
      "2.0 GHz (Skyloft's artifact, docs/sosp24-ae.md, 4.6), all else is free",
  },
};
