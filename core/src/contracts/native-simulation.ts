import type { HostedPlacement } from '../placement/hosted-placement';
import type { HostedPolicy } from '../policies/hosted-policy';
import type { NativePolicySpec } from './native';

/** One run in virtual time, on the calling thread; times in ns, shares 0 to 1. */
export interface NativeSimulation {
  workload: NativeWorkload;
  /** 0: arrivals at their own rate. */
  load: number;
  requests: number;
  /** Arrivals at the start that are not measured. */
  warmup: number;
  seed: number;
  workers: number;
  /** Each with a dispatcher of its own; divides `workers`. */
  groups: number;
  spread: 'random' | 'turns';
  preemption: boolean;
  migration: boolean;
  maxRequests: number;
  queuePerWorker: number;
  /** Events kept in `record`. */
  recordMax: number;
  /** Keep how the run went over its time. */
  series: boolean;
  costs: NativeCosts;
  dispatcher: NativePolicySpec | HostedPolicy;
  scheduler: NativePolicySpec | HostedPolicy;
  estimator: NativePolicySpec | null;
  admission: NativePolicySpec | null;
  /** Each group is a node of a cluster. */
  cluster?: NativeCluster | undefined;
}

/** What each means is in native/src/lab/cluster.hpp; times in ns. */
export interface NativeCluster {
  placement: HostedPlacement;
  /** By node; empty: equal. */
  shares: Float64Array;
  /** As the service time of a class; no values: messages take no time. */
  network: { shape: string; values: Float64Array };
  reportNs: number;
  noticeNs: number;
  maxHops: number;
  /** Three numbers each: node, from, to (below 0: it stays away). */
  losses: Float64Array;
}

/** What each means is in native/src/lab/simulation.hpp. */
export interface NativeCosts {
  networkNs: number;
  dispatchNs: number;
  wakeNs: number;
  startNs: number;
  finishNs: number;
  switchNs: number;
  noticeNs: number;
  interruptNs: number;
  granularityNs: number;
  timerNs: number;
  inflation: number;
}

export interface NativeWorkload {
  classes: {
    share: number;
    shape: string;
    values: Float64Array;
    group: number;
    /** Index in `tenants`. */
    tenant: number;
    deadlineNs: number;
    deadlineOfService: number;
    expectedNs: number;
    dropLate: boolean;
  }[];
  /** What each was promised of all workers; 0: nothing. */
  tenants: { budgetNs: number; periodNs: number }[];
  arrivals: 'poisson' | 'uniform' | 'mmpp' | 'recorded';
  arrivalValues: Float64Array;
  recording: { atNs: Float64Array; type: Float64Array; serviceNs: Float64Array } | null;
}

/** Histograms are pairs of value and count, ascending; slowdowns in thousandths. */
export interface NativeClassResult {
  arrived: number;
  finished: number;
  refused: number;
  dropped: number;
  withDeadline: number;
  missed: number;
  serviceNs: number;
  sojournNs: number;
  slowdown: number;
  sojourns: Float64Array;
  slowdowns: Float64Array;
}

export interface NativeSimulationResult {
  classes: NativeClassResult[];
  /** Of the whole run, warm-up and drain included. */
  totals: {
    endNs: number;
    inSystemArea: number;
    sojournNs: number;
    busyArea: number;
    serviceNs: number;
    finished: number;
    refused: number;
    dropped: number;
    /** In a cluster: were on a node that was lost. */
    lost: number;
    events: number;
    preemptions: number;
    quantumEnds: number;
    interrupts: number;
    wakes: number;
    notAdmitted: number;
    actionsIgnored: number;
  };
  /** From the first measured arrival to the last arrival. */
  window: {
    fromNs: number;
    toNs: number;
    inSystemArea: number;
    busyArea: number;
    arrived: number;
  };
  /** RECORD_FIELDS numbers per event; see core/src/trace/record.ts. */
  record: Float64Array;
  /** Events that were not kept. */
  recordMissed: number;
  /** By arrival: middle of an interval, finished, missed, p50 and p99 of the sojourn time; ns. */
  series: Float64Array;
  /** Of a cluster; then `classes` are as the clients see them. */
  cluster?: NativeClusterResult | undefined;
}

/** Measured requests, but for decisions and reports: those of the whole run. */
export interface NativeClusterResult {
  nodes: NativeNodeResult[];
  arrived: number;
  decisions: number;
  badDecisions: number;
  reports: number;
  /** Share of nodes with at least so many requests, 0 to 32. */
  occupancy: Float64Array;
}

export interface NativeNodeResult {
  arrived: number;
  finished: number;
  refused: number;
  dropped: number;
  lost: number;
  unreached: number;
  withDeadline: number;
  missed: number;
  forwarded: number;
  returned: number;
  received: number;
  served: number;
  wasted: number;
  busyNs: number;
  sojournNs: number;
}
