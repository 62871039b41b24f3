import type {
  DataPlaneFunction,
  DataPlaneOptions,
  DataPlanePolicy,
  DataPlanePreemption,
  DataPlaneTenant,
  DataPlaneWorkerGroup,
  PolicyLimits,
  ServingPolicy,
} from '../contracts/data-plane';
import type {
  NativeDataPlaneOptions,
  NativePolicySpec,
  NativeWorkerGroup,
} from '../contracts/native';
import type { NativeTenant } from '../contracts/native-tenant';
import { SledgeError } from '../errors/sledge-error';

const PAGE_BYTES = 65_536;
const SLOTS_MAX = 16_384;
const WORKERS_MAX = 4_096;
const INVOCATIONS_MAX = 1_048_576 - 256;
const LOADED_MODULES = 20_000;
const STACK_BYTES_MAX = 1 << 30;
const DEFAULT_PREEMPTION: DataPlanePreemption = {
  mechanism: 'safepoint',
  graceUs: 1000,
  minIntervalUs: 'auto',
};
const RECORDS_MAX = 1 << 22;
const US_MAX = Number.MAX_SAFE_INTEGER / 1000;
const WARM_INSTANCES_MAX = 16_384;

/** @throws SledgeError SLEDGE_ERR_NATIVE_ARGUMENT naming the option. */
export function nativeOptions(options: DataPlaneOptions): NativeDataPlaneOptions {
  const { workerCores, arenaSlots, stackBytes, maxLoadedModules = LOADED_MODULES } = options;
  const groups = groupsOf(options).map((group) => nativeGroup(group, options.policyLimits));
  const workerCount = workerCountOf(options);
  integer('workerCount', workerCount, 1, WORKERS_MAX);
  for (const core of workerCores) integer('workerCores', core, -1, 4096);
  if (workerCores.length !== 0 && workerCores.length !== workerCount) {
    refuse(`workerCores has ${workerCores.length} entries for ${workerCount} workers`);
  }
  integer('arenaSlots', arenaSlots, 1, SLOTS_MAX);
  integer('stackBytes', stackBytes, 2 * PAGE_BYTES, STACK_BYTES_MAX);
  if (stackBytes % PAGE_BYTES !== 0) refuse('stackBytes must be a multiple of 64 KiB');
  integer('maxInvocations', options.maxInvocations, 1, INVOCATIONS_MAX);
  integer('maxLoadedModules', maxLoadedModules, 1, 1_000_000);
  integer('maxQueuePerWorker', options.maxQueuePerWorker, 1, INVOCATIONS_MAX);
  integer('maxQueued', options.maxQueued ?? 0, 0, WORKERS_MAX * INVOCATIONS_MAX);
  integer('seed', options.seed, 0, 2 ** 32 - 1);
  return {
    groups,
    workerCores: [...workerCores],
    workerKind: options.workers === 'native' ? 'native' : 'external',
    arenaSlots,
    stackBytes,
    maxInvocations: options.maxInvocations,
    maxLoadedModules,
    maxQueuePerWorker: options.maxQueuePerWorker,
    ...preemption(options.preemption ?? DEFAULT_PREEMPTION),
    tenants: (options.tenants ?? []).map(nativeTenant),
    maxQueued: options.maxQueued ?? 0,
    hosts: (options.hosts ?? []).map(nativePolicy),
    seed: options.seed,
    ...recordOptions(options.record),
  };
}

function recordOptions(record = { events: 0, completions: 0 }) {
  const { events, completions } = record;
  integer('record.events', events, 0, RECORDS_MAX);
  integer('record.completions', completions, 0, RECORDS_MAX);
  return { eventsKept: events, completionsKept: completions };
}

/** All worker groups, the first one too. */
export function groupsOf(options: DataPlaneOptions): readonly DataPlaneWorkerGroup[] {
  return [options, ...(options.moreGroups ?? [])];
}

/** Workers of all groups. */
export function workerCountOf(options: DataPlaneOptions): number {
  return groupsOf(options).reduce((sum, group) => sum + group.workerCount, 0);
}

function nativeGroup(
  group: DataPlaneWorkerGroup,
  limits: PolicyLimits | undefined,
): NativeWorkerGroup {
  const { workerCount, idle, spinUs, estimator, admission } = group;
  const { dispatcher, scheduler } = initialPolicies(group, limits);
  integer('workerCount', workerCount, 1, WORKERS_MAX);
  number('spinUs', spinUs, 0, 1_000_000);
  return {
    workerCount,
    idle,
    spinUs,
    dispatcher: nativePolicy(dispatcher),
    scheduler: nativePolicy(scheduler),
    estimator: estimator === undefined ? null : nativePolicy(estimator),
    admission: admission === undefined ? null : nativePolicy(admission),
  };
}

/** @throws SledgeError SLEDGE_ERR_NATIVE_ARGUMENT naming the field. @returns pages of memory. */
export function checkFunction(spec: DataPlaneFunction, groupCount: number): number {
  if (spec.name.length === 0 || spec.name.includes('\0')) refuse('name is empty or has a NUL');
  integer('tenant', spec.tenant, 0, 2 ** 31);
  integer('group', spec.group, 0, 2 ** 31);
  integer('workerGroup', spec.workerGroup ?? 0, 0, groupCount - 1);
  number('relativeDeadlineUs', spec.relativeDeadlineUs ?? 0, 0, US_MAX);
  number('expectedExecutionUs', spec.expectedExecutionUs ?? 0, 0, US_MAX);
  number('wallTimeUs', spec.wallTimeUs, 0, US_MAX);
  number('cpuTimeUs', spec.cpuTimeUs ?? 0, 0, US_MAX);
  number('memoryBytes', spec.memoryBytes, 0, PAGE_BYTES * PAGE_BYTES);
  integer('outputBytes', spec.outputBytes, 0, 2 ** 31);
  if (spec.stackBytes) integer('stackBytes', spec.stackBytes, PAGE_BYTES, STACK_BYTES_MAX);
  if (spec.warm !== undefined) {
    integer('warm.instances', spec.warm.instances, 1, WARM_INSTANCES_MAX);
    number('warm.idleMs', spec.warm.idleMs, 1, US_MAX / 1000);
  }
  integer('concurrency', spec.concurrency, 0, 2 ** 31);
  integer('queued', spec.queued, 0, 2 ** 31);
  if (spec.environ?.some((entry) => entry.includes('\0')) === true) refuse('environ has a NUL');
  return Math.floor(spec.memoryBytes / PAGE_BYTES);
}

/** A deadline as the native part takes it; 0: the function's own. */
export function checkDeadlineUs(deadlineUs: number | undefined): number {
  if (deadlineUs === undefined) return 0;
  number('relativeDeadlineUs', deadlineUs, 0, US_MAX);
  return deadlineUs;
}

function preemption({ mechanism, graceUs, minIntervalUs }: DataPlanePreemption) {
  number('graceUs', graceUs, 1, US_MAX);
  if (minIntervalUs !== 'auto') number('minIntervalUs', minIntervalUs, 0, US_MAX);
  return {
    preemption: mechanism,
    graceUs,
    minSignalIntervalUs: minIntervalUs === 'auto' ? -1 : minIntervalUs,
  };
}

/** Tenants are below this. */
export const TENANTS_MAX = 1024;

/** @throws SledgeError SLEDGE_ERR_NATIVE_ARGUMENT naming the value. */
export function nativeTenant(tenant: DataPlaneTenant): NativeTenant {
  const { concurrency, queued, memoryBytes = 0, requestsPerSecond = 0, burst = 1 } = tenant;
  const { cpuMsPerSecond = 0, weight = 1, budget = { timeUs: 0, periodUs: 0 } } = tenant;
  integer('tenants concurrency', concurrency, 0, 2 ** 31);
  integer('tenants queued', queued, 0, 2 ** 31);
  integer('tenants memoryBytes', memoryBytes, 0, Number.MAX_SAFE_INTEGER);
  number('tenants requestsPerSecond', requestsPerSecond, 0, 1e9);
  integer('tenants burst', burst, 1, 2 ** 31);
  number('tenants cpuMsPerSecond', cpuMsPerSecond, 0, 1e9);
  integer('tenants weight', weight, 1, 2 ** 20);
  number('tenants budget', budget.timeUs, 0, US_MAX);
  if (budget.timeUs !== 0) number('tenants period of the budget', budget.periodUs, 1, US_MAX);
  return {
    maxConcurrent: concurrency,
    maxQueued: queued,
    maxMemoryBytes: memoryBytes,
    maxRequestsPerSecond: requestsPerSecond,
    burst,
    maxCpuNsPerSecond: cpuMsPerSecond * 1e6,
    weight,
    budgetUs: budget.timeUs,
    periodUs: budget.periodUs,
  };
}

/**
 * A group's native policies to begin with: where one in TypeScript is wanted, its fallback.
 * @throws SledgeError SLEDGE_ERR_NATIVE_ARGUMENT when there is none.
 */
export function initialPolicies(
  { dispatcher, scheduler }: DataPlaneWorkerGroup,
  limits: PolicyLimits | undefined,
) {
  const first = (place: 'dispatcher' | 'scheduler', policy: ServingPolicy): DataPlanePolicy => {
    if ('library' in policy) return policy;
    return limits?.fallback[place] ?? refuse(`there is no fallback for the ${place}`);
  };
  return {
    dispatcher: first('dispatcher', dispatcher),
    scheduler: first('scheduler', scheduler),
  };
}

/** A native policy as the binding takes it. */
export function nativePolicy({ library, options }: DataPlanePolicy): NativePolicySpec {
  return {
    library,
    options: Object.entries(options).map(([name, value]) => ({
      name,
      number: typeof value === 'string' ? 0 : Number(value),
      text: typeof value === 'string' ? value : null,
    })),
  };
}

function integer(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value)) refuse(`${name} is ${value}, not a whole number`);
  number(name, value, least, most);
}

function number(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) {
    refuse(`${name} is ${value}, not between ${least} and ${most}`);
  }
}

function refuse(reason: string): never {
  throw new SledgeError('SLEDGE_ERR_NATIVE_ARGUMENT', { reason });
}
