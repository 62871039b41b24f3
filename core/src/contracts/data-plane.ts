import type { InvocationRequest, OutcomeCallback, RequestIds } from './invocation';
import type { FunctionMetrics, GroupRow, WorkerRow } from '../metrics/layout';
import type { NativeRpcServer, NativeRpcServerOptions } from './native-rpc';

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
  /** Modules loaded at once, beside those of invocations in flight. Default 20,000. */
  maxLoadedModules?: number | undefined;
  maxQueuePerWorker: number;
  /** Required for policies in TypeScript. */
  policyLimits?: PolicyLimits | undefined;
  /** A policy in TypeScript was taken away. Must not throw. */
  onPolicyEjected?: ((ejection: PolicyEjection) => void) | undefined;
  preemption?: DataPlanePreemption | undefined;
  /** By index of the tenant; 0 is no limit. */
  tenants?: readonly DataPlaneTenant[] | undefined;
  /** Host plugins: functions may import from them. Native workers only. */
  hosts?: readonly DataPlanePolicy[] | undefined;
  /** Waiting requests that all queues hold: tenants have shares of that. Default maxInvocations. */
  maxQueued?: number | undefined;
  seed: number;
  /** What a function wrote to stderr, cut at a limit. Must not throw. */
  onLog?: ((fn: number, text: Uint8Array, ids?: RequestIds) => void) | undefined;
  /** A call of the function has failed because its module cannot be loaded any more. */
  onModuleLost?: ((fn: number) => void) | undefined;
  /** Decision records kept for each worker group, completions for each worker. Default: none. */
  record?: { events: number; completions: number } | undefined;
}

/** Workers with a dispatch core, a lock and policies of their own. */
export interface DataPlaneWorkerGroup {
  /** For `PolicyStatus` and ejections. */
  name?: string | undefined;
  workerCount: number;
  idle: 'spin' | 'adaptive' | 'block';
  spinUs: number;
  dispatcher: ServingPolicy;
  scheduler: ServingPolicy;
  /** undefined: estimates are `expectedExecutionUs` of the functions. */
  estimator?: DataPlanePolicy | undefined;
  /** undefined: everything is admitted. */
  admission?: DataPlanePolicy | undefined;
}

/** How running code is asked to leave its worker. */
export interface DataPlanePreemption {
  /**
   * 'safepoint': a flag that code polls, else a signal. 'tsc': as that, and the code sees the end
   * of its quantum by itself. 'none': never, but to kill.
   */
  mechanism: 'safepoint' | 'tsc' | 'signal' | 'timer' | 'none';
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
  /** Linear memory of what has started and not ended. Default 0. Native workers only. */
  memoryBytes?: number | undefined;
  /** Requests that come. */
  requestsPerSecond?: number | undefined;
  /** Of them at once, after a rest. Default 1. */
  burst?: number | undefined;
  /** Time on workers. Native workers only. */
  cpuMsPerSecond?: number | undefined;
  /** Of its share of a full queue. Default 1. */
  weight?: number | undefined;
}

export interface DataPlaneTenant extends DataPlaneTenantLimits {
  /** Promised time of workers, all together, in each period. */
  budget?: { readonly timeUs: number; readonly periodUs: number } | undefined;
}

/** A dispatcher or scheduler in either form. */
export type ServingPolicy = DataPlanePolicy | DataPlaneScriptPolicy;

/** A policy in TypeScript: it runs on its worker group's policy thread. */
export interface DataPlaneScriptPolicy {
  name?: string | undefined;
  /** Absolute path of the file whose default export it is. */
  script: string;
  /** As its schema gave them. */
  options: unknown;
}

/** What a policy in TypeScript is held to, and what takes over. */
export interface PolicyLimits {
  /** An event that is not answered for so long ejects the policy. */
  decisionLimitMs: number;
  /** So does a request that waits so long beside an idle worker. */
  starvationLimitMs: number;
  fallback: { dispatcher: DataPlanePolicy; scheduler: DataPlanePolicy };
}

export interface PolicyEjection {
  /** Name of its worker group; undefined: there is one, without a name. */
  group?: string | undefined;
  policy: string;
  reason: string;
  /** ISO 8601. */
  at: string;
}

/** Policies of a worker group to be exchanged while requests are served; undefined: stays. */
export interface PolicyChange {
  dispatcher?: ServingPolicy | undefined;
  scheduler?: ServingPolicy | undefined;
  /** null: none from now on. */
  estimator?: DataPlanePolicy | null | undefined;
  admission?: DataPlanePolicy | null | undefined;
}

/** The fields of its own are the first worker group's. */
export interface PolicyStatus extends GroupPolicyStatus {
  /** All worker groups in their order, the first one too. */
  groups: readonly GroupPolicyStatus[];
}

/** The policies of one worker group. */
export interface GroupPolicyStatus {
  /** Its name; undefined: there is one, without a name. */
  group?: string | undefined;
  dispatcher: PolicyDescription;
  scheduler: PolicyDescription;
  /** Of its policy thread: none, driving, replaced, or ejected. */
  live: string;
  /** Events and orders between the data plane and the policy thread. */
  events: number;
  orders: number;
  /** From an event to what was decided on it. */
  meanRoundTripUs: number;
  /** One callback of the policy, with what is made ready for it. */
  meanCallbackUs: number;
  /** Decisions that were no longer true when they arrived. */
  ignored: number;
  swaps: number;
  /** Requests that the dispatcher holds. */
  held: number;
  /** The last ones, oldest first. */
  ejections: readonly PolicyEjection[];
}

export interface PolicyDescription {
  name: string;
  form: 'native' | 'typescript';
  path: string;
  options: unknown;
}

export interface DataPlanePolicy {
  name?: string | undefined;
  /** Absolute path of the shared object. */
  library: string;
  options: Readonly<Record<string, number | string | boolean>>;
}

export interface DataPlaneFunction {
  name: string;
  /** Index of the tenant; the stack is scrubbed when it changes. */
  tenant: number;
  /** Its name, for host plugins that keep something for it. Default ''. */
  tenantName?: string | undefined;
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
  /** 0 (the default): that of the data plane. Native workers only. */
  stackBytes?: number | undefined;
  /** 0: no limit of its own. */
  concurrency: number;
  /** 0: no limit of its own. */
  queued: number;
  /** Directories it may read: absolute paths by the names it knows. Native workers only. */
  preopens?: Readonly<Record<string, string>> | undefined;
  /** Its instances go on from one request to the next. Absent: each request has its own. */
  warm?: { instances: number; idleMs: number } | undefined;
  /** "NAME=value" behind the environ of each request: secrets, so nobody shows them. */
  environ?: readonly string[] | undefined;
}

/** What the server drives: native workers, or worker_threads behind the same native core. */
export interface DataPlane {
  /**
   * Checks the artifact, which is loaded when the function is called.
   * @returns the function's id. @throws SledgeError SLEDGE_ERR_MODULE_...
   */
  addFunction(spec: DataPlaneFunction): number;
  /** No new submits are possible; those in flight end as they would. */
  removeFunction(fn: number): void;
  /**
   * From now on the tenant of this index has these limits and this budget; what was accepted stays.
   * @throws SledgeError SLEDGE_ERR_NATIVE_ARGUMENT naming the value.
   */
  setTenant?(tenant: number, limits: DataPlaneTenant): void;
  /** Another tenant has this index from now on: nothing has been counted of it. */
  beginTenant?(tenant: number): void;
  /** The tenant has been deleted: host plugins forget what they keep of it. */
  forgetTenant?(name: string): void;
  /** TENANT_METRICS of a tenant; empty when nothing has been counted of it. */
  tenantStats?(tenant: number): Readonly<Record<string, number>>;
  /**
   * Accepts the invocation or throws a SledgeError at once. `onOutcome` runs exactly once, later,
   * on this thread.
   * @returns an id for `cancel`.
   */
  submit(fn: number, request: InvocationRequest, onOutcome: OutcomeCallback): number;
  cancel(id: number): void;
  readonly inFlight: number;
  /** Whether events are recorded from now on, if `record.events` is not 0; at first they are. */
  keepEvents?(keeps: boolean): void;
  /** Moves recorded events to the array, RECORD_FIELDS numbers each. @returns how many. */
  takeEvents?(out: Float64Array): number;
  /** The same with completions, COMPLETION_FIELDS numbers each. */
  takeCompletions?(out: Float64Array): number;
  /** Counters and gauges by name. */
  stats(): Record<string, number>;
  /**
   * Exchanges policies of one worker group, by default the first, while requests are served: what
   * is held, queued or preempted goes to the new ones in order of arrival; what runs goes on.
   * @throws SledgeError when one cannot be made; then nothing has changed.
   */
  setPolicies?(change: PolicyChange, workerGroup?: number): Promise<void>;
  policyStatus?(): PolicyStatus;
  /** RPCs for its functions, on threads of their own. @throws SledgeError SLEDGE_ERR_RPC_LISTEN */
  serveRpc?(options: NativeRpcServerOptions, onLine: (line: string) => void): NativeRpcServer;
  /** What became of its invocations: in time, late, and others. Empty: no such function. */
  functionStats(fn: number): Record<string, number>;
  /** What has been counted of it since it was added; undefined: it has never been called. */
  functionMetrics?(fn: number): FunctionMetrics | undefined;
  /** Adds those of some functions to METRIC_SUMS numbers. */
  sumFunctionMetrics?(fns: Uint32Array, sums: Float64Array): void;
  /** Functions of which something has been counted. */
  countedFunctions?(): Uint32Array;
  /** By worker, those of the native part alone; and by worker group. */
  workerMetrics?(): WorkerRow[];
  groupMetrics?(): GroupRow[];
  /**
   * Takes nothing more and waits for what is in flight; what is left after `limitMs` is ended,
   * each with its outcome.
   */
  drain(limitMs: number): Promise<void>;
  /** Stops intake, ends what runs (each gets its outcome), and joins. Idempotent. */
  stop(): Promise<void>;
}

export type DataPlaneFactory = (options: DataPlaneOptions) => DataPlane | Promise<DataPlane>;
