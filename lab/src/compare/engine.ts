import type { CompareRun } from './document';
import type { Variant } from './experiment';

/** One run of one variant. */
export interface RunRequest {
  readonly variant: Variant;
  readonly load: number;
  /** The same for all variants of a repeat, so that they see the same requests. */
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

export type EngineRun = Omit<CompareRun, 'variant' | 'load' | 'repeat' | 'order' | 'seed'>;

/** What runs an experiment's cells: the live runtime, a remote one, or virtual time. */
export interface CompareEngine {
  /** What makes all its figures special. */
  readonly labels: readonly string[];
  start(): Promise<void>;
  run(request: RunRequest): Promise<EngineRun>;
  stop(): Promise<void>;
}
