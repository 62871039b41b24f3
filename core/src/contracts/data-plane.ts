import type { InvocationRequest, OutcomeCallback } from './invocation';

/** How the data plane is set up; everything is validated by the façade. */
export interface DataPlaneOptions extends DataPlaneWorkerGroup {
  /** Worker groups beside the first, which the fields of a group in these options describe. */
  moreGroups?: readonly DataPlaneWorkerGroup[] | undefined;
  /** One core for each worker of all groups, in their order, or -1 for unpinned. Empty: none is. */
  workerCores: readonly number[];
  /** 'javascript': worker_threads that run `workerScript` take the work. */
  workers: 'native' | 'javascript';
  workerScript?: string | undefined;
  arenaSlots: number;
  stackBytes: number;
  maxInvocations: number;
  maxQueuePerWorker: number;
  preemption?: DataPlanePreemption | undefined;
  /** By index of the tenant; 0 is no limit. */
  tenants?: readonly DataPlaneTenantLimits[] | undefined;
  seed: number;
  /** What a function wrote to stderr, cut at a limit. Must not throw. */
  onLog?: ((fn: number, text: Uint8Array) => void) | undefined;
}

/** Workers with a dispatch core, a lock and policies of their own. */
export interface DataPlaneWorkerGroup {
  workerCount: number;
  idle: 'spin' | 'adaptive' | 'block';
  spinUs: number;
  dispatcher: DataPlanePolicy;
  scheduler: DataPlanePolicy;
  /** undefined: estimates are `expectedExecutionUs` of the functions. */
  estimator?: DataPlanePolicy | undefined;
  /** undefined: everything is admitted. */
  admission?: DataPlanePolicy | undefined;
}

/** How running code is asked to leave its worker. */
export interface DataPlanePreemption {
  /** 'safepoint': a flag that code polls, else a signal. 'none': never, but to kill. */
  mechanism: 'safepoint' | 'signal' | 'timer' | 'none';
  /** After this without an answer comes a signal. */
  graceUs: number;
  /** Least time between two signals to one worker; 'auto': 20 times their measured cost. */
  minIntervalUs: 'auto' | number;
}

export interface DataPlaneTenantLimits {
  /** Accepted and not ended. */
  concurrency: number;
  /** Accepted and not started. */
  queued: number;
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
  /** Of request types, for policies that reserve. */
  group: number;
  /** Index of the worker group that runs it. Default 0. */
  workerGroup?: number | undefined;
  relativeDeadlineUs: number | undefined;
  expectedExecutionUs: number | undefined;
  wallTimeUs: number;
  /** On a worker, in its sandbox. 0 (the default): no limit of its own. */
  cpuTimeUs?: number | undefined;
  /** What happens at its deadline. Default 'run'. */
  onLate?: 'run' | 'drop-unstarted' | 'abort' | undefined;
  /** What `cancel` does to one that has started. Default 'kill'. */
  onDisconnect?: 'kill' | 'run' | undefined;
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
  /** What became of its invocations: in time, late, and others. Empty: no such function. */
  functionStats(fn: number): Record<string, number>;
  /**
   * Takes nothing more and waits for what is in flight; what is left after `limitMs` is ended,
   * each with its outcome.
   */
  drain(limitMs: number): Promise<void>;
  /** Stops intake, ends what runs (each gets its outcome), and joins. Idempotent. */
  stop(): Promise<void>;
}

export type DataPlaneFactory = (options: DataPlaneOptions) => DataPlane | Promise<DataPlane>;
