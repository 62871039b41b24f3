import type { InvocationRequest, OutcomeCallback } from './invocation';

/** How the data plane is set up; everything is validated by the façade. */
export interface DataPlaneOptions {
  workerCount: number;
  /** One core for each worker, or -1 for unpinned. */
  workerCores: readonly number[];
  /** 'javascript': worker_threads that run `workerScript` take the work. */
  workers: 'native' | 'javascript';
  workerScript?: string | undefined;
  idle: 'spin' | 'adaptive' | 'block';
  spinUs: number;
  arenaSlots: number;
  stackBytes: number;
  maxInvocations: number;
  maxQueuePerWorker: number;
  dispatcher: DataPlanePolicy;
  scheduler: DataPlanePolicy;
  seed: number;
  /** What a function wrote to stderr, cut at a limit. Must not throw. */
  onLog?: ((fn: number, text: Uint8Array) => void) | undefined;
}

export interface DataPlanePolicy {
  /** Absolute path of the shared object. */
  library: string;
  options: Readonly<Record<string, number | string | boolean>>;
}

export interface DataPlaneFunction {
  name: string;
  /** Index of the tenant; the stack is scrubbed when it changes. */
  tenant: number;
  /** Absolute path of what the sandbox plugin built. */
  artifactPath: string;
  group: number;
  relativeDeadlineUs: number | undefined;
  expectedExecutionUs: number | undefined;
  wallTimeUs: number;
  memoryBytes: number;
  outputBytes: number;
  /** 0: no limit of its own. */
  concurrency: number;
  /** 0: no limit of its own. */
  queued: number;
}

/** What the server drives: native workers, or worker_threads behind the same native core. */
export interface DataPlane {
  /** Loads the artifact. @returns the function's id. @throws SledgeError SLEDGE_ERR_MODULE_... */
  addFunction(spec: DataPlaneFunction): number;
  /** No new submits are possible; those in flight end as they would. */
  removeFunction(fn: number): void;
  /**
   * Accepts the invocation or throws a SledgeError at once. `onOutcome` runs exactly once, later,
   * on this thread.
   * @returns an id for `cancel`.
   */
  submit(fn: number, request: InvocationRequest, onOutcome: OutcomeCallback): number;
  cancel(id: number): void;
  readonly inFlight: number;
  /** Counters and gauges by name. */
  stats(): Record<string, number>;
  /**
   * Takes nothing more and waits for what is in flight; what is left after `limitMs` is ended,
   * each with its outcome.
   */
  drain(limitMs: number): Promise<void>;
  /** Stops intake, ends what runs (each gets its outcome), and joins. Idempotent. */
  stop(): Promise<void>;
}

export type DataPlaneFactory = (options: DataPlaneOptions) => DataPlane | Promise<DataPlane>;
