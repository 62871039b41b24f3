import { setTimeout as delay } from 'node:timers/promises';
import type {
  DataPlane,
  DataPlaneFunction,
  DataPlaneOptions,
  DataPlaneTenant,
  DataPlaneWorkerGroup,
  GroupPolicyStatus,
  PolicyChange,
  PolicyStatus,
} from '../contracts/data-plane';
import type { InvocationRequest, OutcomeCallback, RequestIds } from '../contracts/invocation';
import type { NativeRpcServer, NativeRpcServerOptions } from '../contracts/native-rpc';
import { type NativeDataPlane, OUTCOME_FIELDS, SUBMIT_KICK } from '../contracts/native';
import { ERROR_CATALOGUE } from '../errors/catalogue';
import { SledgeError } from '../errors/sledge-error';
import { functionMetricsOf, GROUP_METRICS, rowsOf, WORKER_METRICS } from '../metrics/layout';
import type { FunctionMetrics, GroupRow, WorkerRow } from '../metrics/layout';
import type { LoadedBinding } from './binding';
import { isScript, LivePolicies } from './live-policies';
import { nativeError } from './native-error';
import { RecordedOutcome, STATUSES } from './outcome-record';
import {
  checkDeadlineUs,
  checkFunction,
  groupsOf,
  initialPolicies,
  nativeOptions,
  nativeTenant,
  TENANTS_MAX,
  workerCountOf,
} from './plane-options';
import { Staging } from './staging';
import { submitError } from './submit-error';
import { WorkerThreads } from './worker-threads';

const DRAIN_POLL_MS = 5;
/** As the native part writes them. */
const FAILED = STATUSES.indexOf('failed');
const MODULE_LOST = ERROR_CATALOGUE.SLEDGE_ERR_INVOKE_MODULE.number;
const EMPTY = Buffer.alloc(0);

interface AddedFunction {
  readonly id: number;
  readonly wallTimeUs: number;
  readonly cpuTimeUs: number;
  readonly outputBytes: number;
}

/** The native data plane as the server sees it. Everything on the thread that made it. */
export class NativePlane implements DataPlane {
  private readonly native: NativeDataPlane;
  private readonly staging: Staging;
  private readonly submission: Float64Array;
  private readonly records: Float64Array;
  private readonly outputs: Buffer;
  /** By worker group. */
  private readonly policies: readonly LivePolicies[];
  private readonly threads: WorkerThreads | undefined;
  private readonly onLog: DataPlaneOptions['onLog'];
  private readonly loaded: LoadedBinding;
  private readonly functions: (AddedFunction | undefined)[] = [];
  // By token.
  private readonly callbacks: (OutcomeCallback | undefined)[];
  private readonly calledFunctions: (AddedFunction | undefined)[];
  private readonly ids: (RequestIds | undefined)[];
  private readonly serials: Float64Array;

  private alive = 0;
  private isDelivering = false;
  private isKickScheduled = false;

  /** @throws SledgeError SLEDGE_ERR_NATIVE_... */
  constructor(
    private readonly options: DataPlaneOptions,
    loaded: LoadedBinding,
  ) {
    this.loaded = loaded;
    const checked = nativeOptions(options);
    const { groups, arenaSlots } = checked;
    try {
      this.native = new loaded.binding.DataPlane(
        checked,
        (count) => this.deliver(count),
        (worker) => this.threads?.kill(worker),
      );
    } catch (error) {
      const policies = groups.flatMap(({ dispatcher, scheduler, estimator, admission }) => [
        dispatcher,
        scheduler,
        estimator,
        admission,
      ]);
      const hosts = options.hosts ?? [];
      const libraries = new Set([...policies, ...hosts].flatMap((policy) => policy?.library ?? []));
      const path = [...libraries].join(' or ');
      throw nativeError(error, { path, slots: arenaSlots });
    }
    const { tokenCount } = this.native;
    this.staging = new Staging(this.native.staging);
    this.submission = new Float64Array(this.native.submission);
    this.records = new Float64Array(this.native.outcomes);
    this.outputs = Buffer.from(this.native.outputs);
    this.callbacks = new Array<OutcomeCallback | undefined>(tokenCount).fill(undefined);
    this.calledFunctions = new Array<AddedFunction | undefined>(tokenCount).fill(undefined);
    this.ids = new Array<RequestIds | undefined>(tokenCount).fill(undefined);
    this.serials = new Float64Array(tokenCount);
    this.onLog = options.onLog;
    this.policies = groupsOf(options).map(this.livePolicies.bind(this));
    if (options.workers === 'javascript') this.threads = this.startThreads(loaded.path);
  }

  get inFlight(): number {
    return this.alive;
  }

  addFunction(spec: DataPlaneFunction): number {
    const memoryLimitPages = checkFunction(spec, this.policies.length);
    const { artifactPath, wallTimeUs, cpuTimeUs = 0, outputBytes } = spec;
    try {
      const id = this.native.addFunction({
        name: spec.name,
        tenant: spec.tenant,
        tenantName: spec.tenantName ?? '',
        artifactPath,
        memoryLimitPages,
        group: spec.group,
        workerGroup: spec.workerGroup ?? 0,
        relativeDeadlineUs: spec.relativeDeadlineUs ?? 0,
        expectedExecutionUs: spec.expectedExecutionUs ?? 0,
        maxWallTimeUs: wallTimeUs,
        maxCpuTimeUs: cpuTimeUs,
        onLate: spec.onLate ?? 'run',
        onDisconnect: spec.onDisconnect ?? 'kill',
        maxOutputBytes: outputBytes,
        maxStackBytes: spec.stackBytes ?? 0,
        maxConcurrent: spec.concurrency,
        warmInstances: spec.warm?.instances ?? 0,
        warmIdleMs: spec.warm?.idleMs ?? 0,
        maxQueued: spec.queued,
        preopens: Object.entries(spec.preopens ?? {}).map(([name, path]) => ({ name, path })),
        environ: (spec.environ ?? []).map((entry) => `${entry}\0`).join(''),
      });
      this.functions[id] = { id, wallTimeUs, cpuTimeUs, outputBytes };
      return id;
    } catch (error) {
      throw nativeError(error, {
        path: artifactPath,
        limitPages: memoryLimitPages,
        name: spec.name,
      });
    }
  }

  setTenant(tenant: number, limits: DataPlaneTenant): void {
    const native = nativeTenant(limits);
    if (this.native.setTenant(tenant, native)) return;
    const reason = `there are no more than ${TENANTS_MAX} tenants`;
    throw new SledgeError('SLEDGE_ERR_NATIVE_ARGUMENT', { reason });
  }

  readonly beginTenant = (tenant: number): void => this.native.beginTenant(tenant);
  readonly forgetTenant = (name: string): void => this.native.forgetTenant(name);

  tenantStats(tenant: number): Readonly<Record<string, number>> {
    return this.native.tenantStats(tenant);
  }

  removeFunction(fn: number): void {
    if (this.functions[fn] === undefined) return;
    this.functions[fn] = undefined;
    this.native.removeFunction(fn);
  }

  submit(fn: number, request: InvocationRequest, onOutcome: OutcomeCallback): number {
    const { native, staging, submission } = this;
    const added = this.functions[fn];
    if (added === undefined) throw new SledgeError('SLEDGE_ERR_INVOKE_FUNCTION_GONE');
    const { args, input, relativeDeadlineUs, arrivalNs } = request;
    submission[5] = relativeDeadlineUs === undefined ? 0 : checkDeadlineUs(relativeDeadlineUs);
    staging.write(request);
    submission[0] = fn;
    submission[1] = args.length;
    submission[2] = staging.argvBytes;
    submission[3] = staging.environCount;
    submission[4] = staging.environBytes;
    submission[6] = arrivalNs ?? 0;
    const result = input === undefined ? native.submit() : native.submit(input);
    if (result < 0) throw submitError(-result, () => this.native.retryAfterNs());
    const token = result & ~SUBMIT_KICK;
    if (token !== result && !this.isDelivering) this.scheduleKick();
    const serial = (this.serials[token] as number) + 1;
    this.serials[token] = serial;
    this.callbacks[token] = onOutcome;
    this.calledFunctions[token] = added;
    this.ids[token] = request.ids;
    this.alive += 1;
    return serial * this.callbacks.length + token;
  }

  cancel(id: number): void {
    const token = id % this.callbacks.length;
    const serial = (id - token) / this.callbacks.length;
    if (this.serials[token] === serial && this.callbacks[token] !== undefined) {
      this.native.cancel(token);
    }
  }

  stats(): Record<string, number> {
    return this.native.stats();
  }

  keepEvents(keeps: boolean): void {
    this.native.keepEvents(keeps);
  }

  takeEvents(out: Float64Array): number {
    return this.native.takeEvents(out);
  }

  takeCompletions(out: Float64Array): number {
    return this.native.takeCompletions(out);
  }

  functionStats(fn: number): Record<string, number> {
    return this.native.functionStats(fn);
  }

  functionMetrics(fn: number): FunctionMetrics | undefined {
    const numbers = this.native.functionMetrics(fn);
    return numbers === null ? undefined : functionMetricsOf(numbers);
  }

  sumFunctionMetrics(fns: Uint32Array, sums: Float64Array): void {
    this.native.sumFunctionMetrics(fns, sums);
  }

  countedFunctions(): Uint32Array {
    return this.native.countedFunctions();
  }

  workerMetrics(): WorkerRow[] {
    return rowsOf(WORKER_METRICS, this.native.workerMetrics());
  }

  groupMetrics(): GroupRow[] {
    return rowsOf(GROUP_METRICS, this.native.groupMetrics());
  }

  /**
   * Takes nothing more and waits for what is in flight; what is left after `limitMs` is ended,
   * each with its outcome.
   */
  async drain(limitMs: number): Promise<void> {
    this.native.closeIntake();
    const limit = performance.now() + limitMs;
    const isBusy = () => this.alive > 0 || this.native.inFlight() > 0;
    while (isBusy() && performance.now() < limit) await delay(DRAIN_POLL_MS);
    this.native.endAll();
    while (isBusy() && performance.now() < limit + limitMs) await delay(DRAIN_POLL_MS);
  }

  async setPolicies(change: PolicyChange, workerGroup = 0): Promise<void> {
    const policies = this.policies[workerGroup];
    if (policies !== undefined) return policies.set(change);
    const reason = `there is no worker group ${workerGroup}`;
    throw new SledgeError('SLEDGE_ERR_NATIVE_ARGUMENT', { reason });
  }

  policyStatus(): PolicyStatus {
    const groups = this.policies.map((policies) => policies.status());
    return { ...(groups[0] as GroupPolicyStatus), groups };
  }

  serveRpc(options: NativeRpcServerOptions, onLine: (line: string) => void): NativeRpcServer {
    const { RpcServer } = this.loaded.binding;
    try {
      return new RpcServer(this.native.handle, options, (fn, text, isModuleLost) => {
        if (isModuleLost) return this.options.onModuleLost?.(fn);
        return fn >= 0 ? this.passLog(fn, text) : onLine(Buffer.from(text).toString('utf8'));
      });
    } catch (error) {
      const address = options.listeners.map(({ host, port }) => `${host}:${port}`).join(', ');
      throw nativeError(error, { address });
    }
  }

  /** Lets the policies in TypeScript take over, if there are any; call it before serving. */
  async goLive(): Promise<void> {
    for (const [index, { dispatcher, scheduler }] of groupsOf(this.options).entries()) {
      if (!isScript(dispatcher) && !isScript(scheduler)) continue;
      await this.setPolicies({ dispatcher, scheduler }, index);
    }
  }

  async stop(): Promise<void> {
    const ended = Promise.all(this.policies.map((policies) => policies.stop()));
    this.native.stop();
    await ended;
    await this.threads?.stop();
  }

  private livePolicies(group: DataPlaneWorkerGroup, index: number): LivePolicies {
    const { seed, policyLimits, onPolicyEjected } = this.options;
    return new LivePolicies(this.native, this.loaded.path, {
      ...initialPolicies(group, policyLimits),
      workerGroup: index,
      name: group.name,
      limits: policyLimits,
      seed,
      onEjected: onPolicyEjected,
    });
  }

  private startThreads(bindingPath: string): WorkerThreads {
    const { workerScript } = this.options;
    const workerCount = workerCountOf(this.options);
    if (workerScript === undefined) {
      this.native.stop();
      throw new SledgeError('SLEDGE_ERR_NATIVE_ARGUMENT', { reason: 'workerScript is missing' });
    }
    return new WorkerThreads(workerScript, bindingPath, this.native.handle, workerCount);
  }

  /** Requests that arrive in one turn of the event loop share one wake-up. */
  private scheduleKick(): void {
    if (this.isKickScheduled) return;
    this.isKickScheduled = true;
    setImmediate(() => {
      this.isKickScheduled = false;
      this.native.kick();
    });
  }

  /** Called by the native part for each batch; nothing that a callback throws may stop it. */
  private deliver(count: number): void {
    this.isDelivering = true;
    for (let at = 0; at < count; at += 1) {
      const base = at * OUTCOME_FIELDS;
      const token = this.records[base] as number;
      const callback = this.callbacks[token] as OutcomeCallback;
      const called = this.calledFunctions[token] as AddedFunction;
      this.callbacks[token] = undefined;
      this.alive -= 1;
      try {
        callback(this.outcome(base, token, called));
      } catch (error) {
        process.nextTick(rethrow, error);
      }
    }
    this.isDelivering = false;
  }

  private outcome(base: number, token: number, called: AddedFunction): RecordedOutcome {
    const { records } = this;
    const status = records[base + 1] as number;
    const detail = records[base + 2] as number;
    const bytes = records[base + 3] as number;
    const offset = records[base + 4] as number;
    const logBytes = records[base + 8] as number;
    let output: Buffer = EMPTY;
    if (bytes + logBytes > 0) {
      const text = this.textOf(token, offset, bytes + logBytes);
      output = logBytes === 0 ? text : text.subarray(0, bytes);
      if (status === FAILED && detail === MODULE_LOST) this.options.onModuleLost?.(called.id);
      if (logBytes > 0) this.passLog(called.id, text.subarray(bytes), this.ids[token]);
    }
    return new RecordedOutcome(
      status,
      detail,
      output,
      records[base + 5] as number,
      records[base + 6] as number,
      records[base + 7] as number,
      called,
      records[base + 9] as number,
    );
  }

  private passLog(fn: number, text: Uint8Array, ids?: RequestIds): void {
    try {
      this.onLog?.(fn, text, ids);
    } catch (error) {
      process.nextTick(rethrow, error);
    }
  }

  /** Output and log, as memory of the receiver's own. */
  private textOf(token: number, offset: number, bytes: number): Buffer {
    if (offset < 0) return Buffer.from(this.native.takeOutput(token));
    const text = Buffer.allocUnsafe(bytes);
    this.outputs.copy(text, 0, offset, offset + bytes);
    return text;
  }
}

function rethrow(error: unknown): never {
  throw error;
}
