import type { NativePolicySpec, WorkloadSpec } from '@sledge/core';
import type { ClusterResult, ClusterSpec } from './cluster';
import type { Costs } from './costs';

/** A policy as plain data, so that it can go to another thread. */
export type PolicyForm =
  | { readonly native: NativePolicySpec; readonly name: string }
  /** In TypeScript: made on the thread that simulates. */
  | {
      readonly name: string;
      readonly kind: 'dispatcher' | 'scheduler';
      readonly file: string;
      readonly options: unknown;
    };

/** One run: a workload on a machine under policies, at one load with one seed. Plain data. */
export interface Cell {
  readonly workload: WorkloadSpec;
  readonly dispatcher: PolicyForm;
  readonly scheduler: PolicyForm;
  readonly estimator?: PolicyForm | undefined;
  readonly admission?: PolicyForm | undefined;
  readonly workers: number;
  /** Dispatcher groups; divides `workers`. Default 1. */
  readonly groups?: number | undefined;
  /** How arrivals are spread over groups. Default random. */
  readonly spread?: 'random' | 'turns' | undefined;
  /** Offered, as a share of all workers; undefined: arrivals at their own (recorded) rate. */
  readonly load: number | undefined;
  readonly requests: number;
  /** First arrivals that are not measured. Default a twentieth. */
  readonly warmup?: number | undefined;
  readonly seed: number;
  readonly costs: Costs;
  readonly canPreempt?: boolean | undefined;
  /** A preempted request may go on on any worker. Default true, as the runtime. */
  readonly canMigrate?: boolean | undefined;
  /** Alive at any moment; more are refused. Default 65,536. */
  readonly maxRequests?: number | undefined;
  readonly queuePerWorker?: number | undefined;
  /** Events to keep for traces and explanations. Default none. */
  readonly recordMax?: number | undefined;
  /** Keep how the run went over its time. Default false. */
  readonly hasSeries?: boolean | undefined;
  /** The workers are those of several nodes; requests come to any of them. */
  readonly cluster?: ClusterSpec | undefined;
}

/** Of times in microseconds, or of slowdowns. */
export interface Summary {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly p9999: number;
  readonly max: number;
}

/** What one class, or all together, got. */
export interface Outcome {
  /** Of all workers: busy with anything; of a class: with its service alone. */
  readonly utilisation: number;
  /** Finished, after the warm-up. */
  readonly requests: number;
  readonly sojournUs: Summary;
  /** Sojourn time over the request's own service time. */
  readonly slowdown: Summary;
  /** Of those with a deadline: late, refused or dropped; 0 where none has one. */
  readonly missRate: number;
  readonly refused: number;
  readonly dropped: number;
}

/** Values and counts of both histograms, to be merged or drawn: ns, and thousandths. */
export interface CellHistograms {
  readonly sojournNs: readonly number[];
  readonly slowdownMilli: readonly number[];
}

export interface CellResult extends Outcome {
  readonly classes: readonly (Outcome & { readonly name: string })[];
  /** Mean number of requests in the system and waiting, in the measured window. */
  readonly inSystem: number;
  readonly waiting: number;
  /** Arrivals and completions in time per second, in the measured window. */
  readonly arrivalsPerSecond: number;
  readonly goodputPerSecond: number;
  readonly preemptions: number;
  readonly interrupts: number;
  /** Share of all workers' time that mechanisms took, over the whole run. */
  readonly overhead: number;
  /** Both sides of Little's law over the whole run: they are equal. */
  readonly little: { readonly inSystem: number; readonly rateTimesSojourn: number };
  readonly virtualSeconds: number;
  /** Of a cluster; sojourn times are then until the answer is at the node of the client. */
  readonly cluster?: ClusterResult | undefined;
}

/** A result with what is too large to print. */
export interface FullCellResult {
  readonly result: CellResult;
  /** By class, in the workload's order. */
  readonly histograms: readonly CellHistograms[];
  /** RECORD_FIELDS numbers per event; empty where none were asked for. */
  readonly record: Float64Array;
  readonly recordMissed: number;
  /** By intended send time, at most 64 intervals; empty where not asked for. */
  readonly series: readonly CellPoint[];
}

/** An interval of virtual time since the first measured arrival. */
export interface CellPoint {
  /** Its middle. */
  readonly atS: number;
  readonly answered: number;
  readonly missed: number;
  readonly p50Us: number;
  readonly p99Us: number;
}
