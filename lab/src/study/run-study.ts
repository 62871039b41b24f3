import { loadCosts, loadPolicies, runCells } from '../simulate';
import type { Cell, CellResult, CostModel, Policies, RunOptions } from '../simulate';
import { median } from '../statistics';
import { loadWorkload } from '../workloads';
import type { WorkloadSpec } from '@sledge/core';
import { keyOf } from './study';
import type { Study, StudyPoint } from './study';

const DIGITS = 4;

/** Medians over the seeds, with four digits. */
export interface StudyFigures {
  /** Slowdown of all requests. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** p99.9 slowdown of the class that has the largest. */
  readonly worst: number;
  /** Least and largest p99.9 slowdown of all requests over the seeds. */
  readonly low: number;
  readonly high: number;
  /** Share of deadlines missed. */
  readonly missed: number;
  /** Share of all workers' time that mechanisms took. */
  readonly overhead: number;
  /** Share of arrivals refused: queues were full. */
  readonly refused: number;
}

export interface StudyReport {
  readonly schema: 'sledge-study/1';
  readonly study: Study;
  /** The costs in full, and where they come from. */
  readonly costs: CostModel;
  /** By `keyOf`. */
  readonly figures: Readonly<Record<string, StudyFigures>>;
}

/**
 * Runs the points, every seed of each, on worker threads.
 * @param folder where relative paths of the study start
 * @throws SledgeError of the first that fails
 */
export async function runStudy(
  study: Study,
  points: readonly StudyPoint[],
  folder: string,
  options: RunOptions = {},
): Promise<StudyReport> {
  const costs = loadCosts(study.costs, folder);
  const workloads = new Map<string, WorkloadSpec>();
  for (const source of new Set(points.map(({ workload }) => workload))) {
    workloads.set(source, await loadWorkload({ source }, folder));
  }
  const policies = new Map<string, Policies>();
  for (const { variant } of points) {
    if (policies.has(variant.name)) continue;
    policies.set(variant.name, loadPolicies(variant, folder));
  }
  const cells = points.flatMap((point) => {
    const common = cellOf(study, point, costs);
    const workload = workloads.get(point.workload) as WorkloadSpec;
    const chosen = policies.get(point.variant.name) as Policies;
    return Array.from({ length: study.seeds }, (_, at): Cell => {
      return { ...common, workload, ...chosen, seed: at + 1 };
    });
  });
  const results = await runCells(cells, options);
  const figures = points.map((point, at) => {
    const runs = results.slice(at * study.seeds, (at + 1) * study.seeds);
    return [keyOf(point), figuresOf(runs.map(({ result }) => result))] as const;
  });
  return { schema: 'sledge-study/1', study, costs, figures: Object.fromEntries(figures) };
}

function cellOf(
  { requests, requestsPerWorker, warmupShare }: Study,
  { workers, load }: StudyPoint,
  { costs, canPreempt, canMigrate }: CostModel,
) {
  const count = Math.max(requests, requestsPerWorker * workers);
  const warmup = Math.floor(count * warmupShare);
  return { workers, load, costs, canPreempt, canMigrate, requests: count, warmup };
}

function figuresOf(runs: readonly CellResult[]): StudyFigures {
  const of = (value: (run: CellResult) => number): number => rounded(median(runs.map(value)));
  const tails = runs.map(({ slowdown }) => slowdown.p999);
  return {
    p50: of(({ slowdown }) => slowdown.p50),
    p99: of(({ slowdown }) => slowdown.p99),
    p999: of(({ slowdown }) => slowdown.p999),
    worst: of(({ classes }) => Math.max(...classes.map(({ slowdown }) => slowdown.p999))),
    low: rounded(Math.min(...tails)),
    high: rounded(Math.max(...tails)),
    missed: of(({ missRate }) => missRate),
    overhead: of(({ overhead }) => overhead),
    refused: of(({ refused, requests }) => refused / Math.max(1, refused + requests)),
  };
}

const rounded = (value: number): number => Number(value.toPrecision(DIGITS));
