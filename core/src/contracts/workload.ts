import type { PluginInstance } from './plugin';

/** How long requests of a class take. Times in microseconds. */
export type ServiceTime =
  | { readonly shape: 'deterministic'; readonly us: number }
  | { readonly shape: 'exponential'; readonly meanUs: number }
  /** `sigma`: standard deviation of the logarithm. */
  | { readonly shape: 'lognormal'; readonly meanUs: number; readonly sigma: number }
  | {
      readonly shape: 'bimodal';
      readonly shortUs: number;
      readonly longUs: number;
      /** Share of long ones, 0 to 1. */
      readonly longShare: number;
    }
  | {
      readonly shape: 'bounded-pareto';
      readonly alpha: number;
      readonly leastUs: number;
      readonly largestUs: number;
    }
  /** Linear between the points [microseconds, cumulative share], ascending to a share of 1. */
  | { readonly shape: 'empirical'; readonly points: readonly (readonly [number, number])[] };

/** The deadline of a request, from its arrival; both: their sum. */
export interface RelativeDeadline {
  readonly us?: number | undefined;
  /** So many times the request's own service time. */
  readonly timesService?: number | undefined;
}

/** Requests that have something in common: a function, or a kind of request. */
export interface RequestClassSpec {
  readonly name: string;
  /** Of all requests; shares need not add up to 1. */
  readonly share: number;
  readonly service: ServiceTime;
  readonly deadline?: RelativeDeadline | undefined;
  /** What a configuration would expect; default: the mean. */
  readonly expectedUs?: number | undefined;
  /** For policies that reserve. Default 0. */
  readonly group?: number | undefined;
  /** Whose requests they are. Default: one that nothing was promised to. */
  readonly tenant?: string | undefined;
  /** 'drop-unstarted': a request that has not started at its deadline is dropped. */
  readonly onLate?: 'run' | 'drop-unstarted' | undefined;
}

/** When requests come. The load scales every kind. */
export type ArrivalSpec =
  | { readonly kind: 'poisson' }
  /** Equal gaps. */
  | { readonly kind: 'uniform' }
  /**
   * Poisson, modulated by two states (MMPP): while bursting, `burst` times as many as else; the
   * mean lengths of both states.
   */
  | {
      readonly kind: 'mmpp';
      readonly burst: number;
      readonly burstUs: number;
      readonly calmUs: number;
    }
  /** As observed: ascending times, the class of each, and its service time (0: of the class). */
  | {
      readonly kind: 'recorded';
      readonly atUs: readonly number[];
      readonly classOf: readonly number[];
      readonly serviceUs: readonly number[];
    };

/** What a tenant was promised: time of workers, all together, in each period. */
export interface WorkloadTenant {
  readonly name: string;
  readonly budgetUs: number;
  readonly periodUs: number;
}

export interface WorkloadSpec {
  readonly name: string;
  readonly classes: readonly RequestClassSpec[];
  readonly arrivals: ArrivalSpec;
  /** Those that were promised something, for policies with budgets. */
  readonly tenants?: readonly WorkloadTenant[] | undefined;
}

/** What `create` of a plugin of kind `workload` returns. */
export interface WorkloadInstance extends PluginInstance {
  readonly workload: WorkloadSpec;
}
