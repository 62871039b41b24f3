import type { NativeExternalWorker } from './native-external';
import type { NativeFunctionSpec } from './native-function';
import type { HostedPolicy } from '../policies/hosted-policy';
import type {
  NativeRpcClient,
  NativeRpcClientOptions,
  NativeRpcEvent,
  NativeRpcServer,
  NativeRpcServerOptions,
} from './native-rpc';
import type { NativeTenant } from './native-tenant';
import type { NativeSimulation, NativeSimulationResult } from './native-simulation';

/**
 * The binding as it is: numbers, bytes, and no judgement. Everything is validated by the façade in
 * `core/src/data-plane` before it gets here. Implemented by native/binding (C++), one `.node`.
 */
export interface NativeDataPlaneOptions {
  /** At least one; workers are numbered through all of them, in order. */
  groups: NativeWorkerGroup[];
  /** One core per worker, or -1 for unpinned. */
  workerCores: number[];
  /** 'external': JavaScript worker_threads attach with `ExternalWorker`. */
  workerKind: 'native' | 'external';
  arenaSlots: number;
  stackBytes: number;
  /** Invocations alive at any moment (queued and running). */
  maxInvocations: number;
  /** Modules loaded at once, beside those of invocations in flight. */
  maxLoadedModules: number;
  /** Length of one worker's run queue. */
  maxQueuePerWorker: number;
  preemption: 'safepoint' | 'tsc' | 'signal' | 'timer' | 'none';
  graceUs: number;
  /** -1: 20 times the measured cost of a signal. */
  minSignalIntervalUs: number;
  /** By index of the tenant; 0: no limit. */
  tenants: NativeTenant[];
  /** Host plugins that modules may import from. */
  hosts: NativePolicySpec[];
  /** Waiting requests that all queues together hold: tenants have shares of that. */
  maxQueued: number;
  seed: number;
  /** Decision records per worker group, and completions per worker; 0: none. */
  eventsKept: number;
  completionsKept: number;
}

/** Workers with an engine, a lock and policies of their own. */
export interface NativeWorkerGroup {
  workerCount: number;
  idle: 'spin' | 'adaptive' | 'block';
  spinUs: number;
  dispatcher: NativePolicySpec;
  scheduler: NativePolicySpec;
  estimator: NativePolicySpec | null;
  admission: NativePolicySpec | null;
}

export interface NativePolicySpec {
  library: string;
  options: { name: string; number: number; text: string | null }[];
}

/**
 * Outcome records: Float64Array of OUTCOME_FIELDS doubles each, in `outcomes`:
 * [token, status, detail, outputBytes, outputOffset, queueNs, runNs, totalNs, logBytes, request].
 * status: 0 completed, 1 exited (detail: code), 2 trapped (detail: sledge_trap), 3 timed-out,
 * 4 output-limit, 5 cancelled, 6 dropped, 7 failed (3, 5 to 7: detail is a sledge_error number).
 * outputOffset: place in `outputs`, or -1: call takeOutput(token) during the callback. The log
 * (stderr) lies behind the output.
 */
export const OUTCOME_FIELDS = 10;

/**
 * What the next `submit` is of, as doubles in `submission`: [fn, argc, argvBytes, envc,
 * environBytes, relativeDeadlineUs (0: the function's own), arrivalNs (0: now)]. Read from shared
 * memory, they cost a tenth of what as many arguments of a native call do.
 */
export const SUBMISSION_FIELDS = 7;

/** In a token from `submit`: a sleeping worker has not been woken yet; call `kick` soon. */
export const SUBMIT_KICK = 1 << 30;

export interface NativeDataPlane {
  /** argv and environ bytes of the next submit are written here. */
  readonly staging: ArrayBuffer;
  readonly submission: ArrayBuffer;
  readonly outcomes: ArrayBuffer;
  readonly outputs: ArrayBuffer;
  /** Tokens are below this. */
  readonly tokenCount: number;
  /**
   * Looks whether its artifact can be loaded, which native workers do when it is called.
   * @returns its id; throws Error with `code` SLEDGE_ERR_... and a detail.
   */
  addFunction(spec: NativeFunctionSpec): number;
  /** No new submits are possible; those in flight end as they would. */
  removeFunction(fn: number): void;
  /** false: there is no such index. */
  setTenant(tenant: number, limits: NativeTenant): boolean;
  /** Another tenant has this index from now on. */
  beginTenant(tenant: number): void;
  /** Host plugins forget what they keep of it. */
  forgetTenant(name: string): void;
  /** Empty when nothing has been counted of it. */
  tenantStats(tenant: number): Record<string, number>;
  /**
   * Takes argvBytes of NUL-terminated args and then environBytes of NUL-terminated environ from
   * `staging`, as `submission` says, and copies `input`.
   * @returns a token >= 0 (< tokenCount), perhaps with SUBMIT_KICK, or minus the sledge_error
   *   number. The token is another's only after the batch that delivers its outcome.
   */
  submit(input?: Uint8Array): number;
  /** After `submit` answered SLEDGE_ERR_INVOKE_NOT_ADMITTED: when to try again; 0: unknown. */
  retryAfterNs(): number;
  /** Wakes workers that `submit` let sleep, so that one wake-up serves many short requests. */
  kick(): void;
  cancel(token: number): void;
  /** Each submit from now on answers SLEDGE_ERR_INVOKE_DRAINING. */
  closeIntake(): void;
  /** Drops what has not started and kills what runs. */
  endAll(): void;
  /** Output and log of a record whose outputOffset is -1. */
  takeOutput(token: number): ArrayBuffer;
  inFlight(): number;
  /** Whether events are recorded from now on, if `eventsKept` is not 0; at first they are. */
  keepEvents(keeps: boolean): void;
  /** Moves recorded events, RECORD_FIELDS numbers each, to the array; how many. */
  takeEvents(out: Float64Array): number;
  /** The same with completions, COMPLETION_FIELDS numbers each. */
  takeCompletions(out: Float64Array): number;
  /** Counters and gauges by name; numbers only. */
  stats(): Record<string, number>;
  functionStats(fn: number): Record<string, number>;
  /** Numbers as core/src/metrics/layout.ts says; null: it has never been called. */
  functionMetrics(fn: number): Float64Array | null;
  /** Adds the same of each function to `sums`, and behind them what is in flight and queued. */
  sumFunctionMetrics(fns: Uint32Array, sums: Float64Array): void;
  /** Functions that `functionMetrics` knows something of. */
  countedFunctions(): Uint32Array;
  /** Rows of WORKER_METRICS, in the order of the workers; external ones have none. */
  workerMetrics(): Float64Array;
  /** Rows of GROUP_METRICS, in the order of the groups. */
  groupMetrics(): Float64Array;
  /**
   * Exchanges native policies of a worker group, by its index in `groups`, while requests are
   * served, all or none; null: no estimator, no admission. Throws Error with `code`.
   */
  setPolicies(
    choices: {
      dispatcher?: NativePolicySpec;
      scheduler?: NativePolicySpec;
      estimator?: NativePolicySpec | null;
      admission?: NativePolicySpec | null;
    },
    workerGroup: number,
  ): void;
  policyStatus(workerGroup: number): NativePolicyStatus;
  /** Stops intake, kills what runs, joins within 2 s, delivers what is left. Idempotent. */
  stop(): void;
  /** For external workers: a number that ExternalWorker takes. */
  readonly handle: number;
}

export interface NativePolicyStatus {
  /** As the policies' tables name them; 'live': one on the policy thread. */
  dispatcher: string;
  scheduler: string;
  live: 'none' | 'ready' | 'driving' | 'replaced' | 'ejected';
  /** Why it was ejected; else ''. */
  reason: string;
  ejectedNs: number;
  swaps: number;
  ignored: number;
  held: number;
  events: number;
  orders: number;
  batches: number;
  /** Sum over batches, from the oldest event to its orders. */
  roundTripNs: number;
  callbacks: number;
  /** Sum over callbacks, with the views and the engine that follows around them. */
  callbackNs: number;
}

/**
 * On a policy thread: an engine with the policies that follows the one that serves its group. When
 * the thread ends while it drives, its policies are ejected.
 */
export interface NativePolicyThread {
  /** Drives for so many milliseconds. @returns false when it is over. */
  run(limitMs: number): boolean;
  stats(): { callbacks: number };
}

export interface NativeBinding {
  readonly version: string;
  readonly arch: string;
  /** `onOutcomes(count)` runs on the JavaScript thread that made it, once per batch. */
  DataPlane: new (
    options: NativeDataPlaneOptions,
    onOutcomes: (count: number) => void,
    /** External workers only: this worker's invocation must be killed; terminate and respawn it. */
    onKillWorker: (worker: number) => void,
  ) => NativeDataPlane;
  ExternalWorker: new (handle: number, worker: number) => NativeExternalWorker;
  /** Takes over at once; at least one policy is a hosted one. Throws Error with `code`. */
  PolicyThread: new (
    handle: number,
    options: {
      /** Index in `groups` of the data plane. */
      workerGroup: number;
      dispatcher: NativePolicySpec | HostedPolicy;
      scheduler: NativePolicySpec | HostedPolicy;
      fallbackDispatcher: NativePolicySpec;
      fallbackScheduler: NativePolicySpec;
      decisionLimitMs: number;
      starvationLimitMs: number;
    },
  ) => NativePolicyThread;
  /** Integer ns since the process started. */
  nowNs(): number;
  /** @throws Error with `code` when an option is out of bounds or a policy cannot be made. */
  policyTrial(options: NativeTrialOptions): NativeTrialResult;
  /** Plays a log again into fresh policies and compares what they decide. Throws likewise. */
  policyReplay(options: NativeStageOptions, log: Float64Array): NativeReplayResult;
  /**
   * The requests that `simulate` would see, at most 10 million: arrival ns, class, service ns and
   * relative deadline ns (0: none) of each. Throws Error with `code`.
   */
  drawJobs(
    options: Pick<NativeSimulation, 'workload' | 'load' | 'requests' | 'seed' | 'workers'>,
  ): Float64Array;
  /**
   * A run in virtual time. `onProgress(arrivals)` is called now and then; false ends the run: null.
   * @throws Error with `code` when a value is out of bounds or a policy cannot be made or throws.
   */
  simulate(
    options: NativeSimulation,
    onProgress?: (arrivals: number) => boolean,
  ): NativeSimulationResult | null;
  /** What `sledge doctor` measures natively; names and units in docs. */
  measureMachine(): Record<string, number>;
  /**
   * Over the data plane of this handle. `onLog` gets what a function wrote to stderr, with -1 what
   * the server itself has to say. Throws Error with `code`.
   */
  RpcServer: new (
    handle: number,
    options: NativeRpcServerOptions,
    onLog: (fn: number, text: Uint8Array, isModuleLost: boolean) => void,
  ) => NativeRpcServer;
  RpcClient: new (
    options: NativeRpcClientOptions,
    onEvent: (event: NativeRpcEvent) => void,
  ) => NativeRpcClient;
  /** A line for each eRPC frame of a pcap file; throws Error with `code` for another file. */
  describeCapture(file: Uint8Array): { timeNs: number; text: string }[];
  /** Test-only store: instantiates, links and calls modules in real slots (see TestStore). */
  TestStore: new () => NativeTestStore;
}

/** An engine in virtual time, on the calling thread; each policy in either form. */
export interface NativeStageOptions {
  workers: number;
  /** Alive at any moment. */
  maxRequests: number;
  queuePerWorker: number;
  types: number;
  preemption: boolean;
  /** A preempted request may resume on any worker. */
  migration: boolean;
  seed: number;
  dispatcher: NativePolicySpec | HostedPolicy;
  scheduler: NativePolicySpec | HostedPolicy;
}

/** A seeded random load: short and long requests, cancelled and blocked ones among them. */
export interface NativeTrialOptions extends NativeStageOptions {
  requests: number;
  /** Offered, as a share of all workers. */
  load: number;
  withDeadlines: boolean;
  /** Some are cancelled while they wait, some wait in a host call. */
  withInterruptions: boolean;
  isRecorded: boolean;
  // What is checked beside that nothing is lost or doubled.
  isWorkConserving: boolean;
  isFifoWithinType: boolean;
  ordersByDeadline: boolean;
}

export interface NativeTrialResult {
  finished: number;
  refused: number;
  removed: number;
  /** Alive when nothing could happen any more. */
  left: number;
  endNs: number;
  preemptions: number;
  interrupts: number;
  /** Policy calls that named what was no longer true. */
  ignored: number;
  /** Callbacks into JavaScript. */
  calls: number;
  /** The first promise that was broken; '': none. */
  violation: string;
  /** What a hosted policy threw; '': nothing. */
  failure: string;
  /** LOG_FIELDS doubles per event: kind, worker, extra, now, id, and of an arrival type, group,
   * tenant, arrival, deadline, estimate. */
  log: Float64Array;
}

export const LOG_FIELDS = 11;

export interface NativeReplayResult {
  inputs: number;
  /** Decisions that were equal. */
  decisions: number;
  /** The first one that was not; '': all were. */
  difference: string;
  failure: string;
}

/** Values are bigints: the bits of numbers and vectors; ids of references, -1n for null. */
export interface NativeTestStore {
  /**
   * @param imports per import of the module, in order: instance id and export name that serve it,
   *   or null for a host function.
   * @param descriptor which module of the file; without it the one named sledge_module.
   * @returns instance id, or a negative number: -(sledge_trap) when start or a segment trapped;
   *   throws Error with `code` when it cannot be linked.
   */
  instantiate(
    path: string,
    imports: ({ instance: number; name: string } | null)[],
    descriptor?: string,
  ): number;
  /** @returns results, or the trap's number. */
  invoke(instance: number, name: string, params: bigint[]): bigint[] | number;
  getGlobal(instance: number, name: string): bigint;
  readMemory(instance: number, offset: number, length: number): Uint8Array;
  close(): void;
}
