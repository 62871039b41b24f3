import type { CompareDocument, CompareRun } from './document';
import type { Variant } from './experiment';

/** One run of one variant. */
export interface RunRequest {
  readonly variant: Variant;
  readonly load: number;
  /** The same for all variants of a repeat, so that they see the same requests. */
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

export type EngineRun = Omit<
  CompareRun,
  'workload' | 'variant' | 'load' | 'repeat' | 'order' | 'seed'
>;

/** @param at of the requests; `share` of all work that is done, 0 to 1 */
export type OnRun = (at: number, share: number) => void;

/** What runs an experiment's cells: the live runtime, a remote one, or virtual time. */
export interface CompareEngine {
  /** What makes all its figures special. */
  readonly labels: readonly string[];
  start(): Promise<void>;
  run(request: RunRequest): Promise<EngineRun>;
  /** Several at once, if the engine can: results in the order of the requests. */
  runAll?(requests: readonly RunRequest[], onRun: OnRun): Promise<EngineRun[]>;
  /** Facts that stand for the machine's own where no machine is measured. */
  readonly facts?: CompareDocument['machine'];
  stop(): Promise<void>;
}
