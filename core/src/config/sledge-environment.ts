import path from 'node:path';
import { problem } from './describe-issues';
import type { Problem } from './describe-issues';
import { nearestName } from '../nearest';

const MAX_BATCH = 1024;

export interface EnvironmentResult {
  /** Merged under `--set` and SLEDGE_CFG_ values. */
  values: Record<string, unknown>;
  warnings: string[];
  problems: Problem[];
}

const SCHEDULERS: Readonly<Record<string, string>> = {
  FIFO: 'fifo',
  EDF: 'edf',
  SJF: 'sjf',
  MTDS: 'mtds',
  MTDBF: 'mtdbf',
};

const DISPATCHERS: Readonly<Record<string, string>> = {
  EDF_INTERRUPT: 'edf-interrupt',
  SHINJUKU: 'shinjuku',
  DARC: 'darc',
  LLD: 'lld',
  RR: 'rr',
  JSQ: 'jsq',
  TO_GLOBAL_QUEUE: 'global-queue',
};

/** Names of SLEdge that have no meaning here, and what to do instead. */
const WITHOUT_MEANING: Readonly<Record<string, string>> = {
  SLEDGE_DISABLE_GET_REQUESTS_FROM_GQ: 'the dispatcher decides where requests wait',
  SLEDGE_SIGALRM_HANDLER: 'the policies decide who is interrupted',
  SLEDGE_DISABLE_PREEMPTION: 'the scheduler decides whether anything is preempted',
  SLEDGE_DISABLE_AUTOSCALING: 'workers.count is fixed',
  SLEDGE_DISABLE_EXPONENTIAL_SERVICE_TIME_SIMULATION: 'service times are not simulated',
  SLEDGE_NLISTENERS: 'each port has its listener; set workers.groups for more dispatchers',
  SLEDGE_WORKER_GROUP_SIZE: 'set workers.groups',
  SLEDGE_HTTP_SESSION_PERF_LOG: 'times are in the Server-Timing header',
  SLEDGE_SPINLOOP_PAUSE_ENABLED: 'set workers.idle',
  SLEDGE_PROC_MHZ: 'the clock is calibrated',
  PROC_MHZ: 'the clock is calibrated',
};

/** Dispatchers under which SLEdge's scheduler is only a name: they decide the order themselves. */
const DECIDE_ORDER: readonly unknown[] = ['shinjuku', 'darc'];

/**
 * SLEdge's own environment, read only when the configuration is one of its specs.
 * @param reserved workers for each group, as the spec has them
 */
export function sledgeEnvironment(
  env: NodeJS.ProcessEnv,
  reserved?: readonly number[],
): EnvironmentResult {
  const result: EnvironmentResult = { values: {}, warnings: [], problems: [] };
  choice(result, env, 'SLEDGE_SCHEDULER', 'scheduler', SCHEDULERS);
  choice(result, env, 'SLEDGE_DISPATCHER', 'dispatcher', DISPATCHERS);
  order(result, env);
  placement(result);
  reservation(result, reserved);
  workers(result, env);
  quantum(result, env);
  batch(result, env);
  const perfLog = env.SLEDGE_SANDBOX_PERF_LOG;
  if (perfLog) result.values.perfLog = { path: path.resolve(perfLog), columns: 'sledgescale' };
  for (const [name, reason] of Object.entries(WITHOUT_MEANING)) {
    if (env[name] !== undefined) result.warnings.push(`${name} has no effect: ${reason}.`);
  }
  return result;
}

function order({ values, warnings }: EnvironmentResult, env: NodeJS.ProcessEnv): void {
  const { dispatcher, scheduler = 'fifo' } = values;
  if (!DECIDE_ORDER.includes(dispatcher) || scheduler === 'fifo') return;
  values.scheduler = 'fifo';
  const reason = `${env.SLEDGE_DISPATCHER ?? ''} decides the order`;
  warnings.push(`SLEDGE_SCHEDULER has no effect: ${reason}.`);
}

/** SLEdge's EDF and SJF order each worker's requests; edf-interrupt is SLEdgeScale's default. */
function placement({ values }: EnvironmentResult): void {
  if (values.dispatcher !== undefined) return;
  if (values.scheduler === 'edf') values.dispatcher = 'edf-interrupt';
  if (values.scheduler === 'sjf') values.dispatcher = 'lld';
  if (values.scheduler === 'mtds' || values.scheduler === 'mtdbf')
    values.dispatcher = ['jsq', { interrupts: true }];
}

function reservation({ values }: EnvironmentResult, reserved?: readonly number[]): void {
  if (values.dispatcher === 'darc' && reserved !== undefined)
    values.dispatcher = ['darc', { reservation: 'by-hand', reserved }];
}

/** Only FIFO takes turns by quantum; SLEdge's other schedulers preempt by deadline. */
function quantum(result: EnvironmentResult, env: NodeJS.ProcessEnv): void {
  const quantumUs = integer(result, env, 'SLEDGE_QUANTUM_US', 1, 999_999);
  if (quantumUs === undefined) return;
  const isDisabled = (env.SLEDGE_DISABLE_PREEMPTION ?? 'false') !== 'false';
  const { scheduler = 'fifo' } = result.values;
  if (scheduler === 'fifo' && !isDisabled) result.values.scheduler = ['fifo', { quantumUs }];
  else {
    const reason = isDisabled ? 'SLEDGE_DISABLE_PREEMPTION is set' : 'only FIFO has a quantum';
    result.warnings.push(`SLEDGE_QUANTUM_US has no effect: ${reason}.`);
  }
}

function batch(result: EnvironmentResult, env: NodeJS.ProcessEnv): void {
  const size = integer(result, env, 'SLEDGE_FIFO_QUEUE_BATCH_SIZE', 1, MAX_BATCH);
  if (size === undefined) return;
  const { dispatcher = 'global-queue' } = result.values;
  if (dispatcher === 'global-queue') result.values.dispatcher = ['global-queue', { batch: size }];
  else {
    result.warnings.push(
      'SLEDGE_FIFO_QUEUE_BATCH_SIZE has no effect: only TO_GLOBAL_QUEUE has batches.',
    );
  }
}

function workers(result: EnvironmentResult, env: NodeJS.ProcessEnv): void {
  const count = integer(result, env, 'SLEDGE_NWORKERS', 1, 256);
  const firstCore = integer(result, env, 'SLEDGE_FIRST_WORKER_COREID', 0, 4095);
  const values: Record<string, unknown> = {};
  if (count !== undefined) values.count = count;
  if (firstCore !== undefined && count !== undefined) {
    values.cores = Array.from({ length: count }, (_, index) => firstCore + index);
  } else if (firstCore !== undefined) {
    result.warnings.push('SLEDGE_FIRST_WORKER_COREID has no effect without SLEDGE_NWORKERS.');
  }
  const isBusyLoopDisabled = env.SLEDGE_DISABLE_BUSY_LOOP;
  if (isBusyLoopDisabled !== undefined)
    values.idle = isBusyLoopDisabled === 'true' ? 'block' : 'spin';
  if (Object.keys(values).length > 0) result.values.workers = values;
}

function choice(
  result: EnvironmentResult,
  env: NodeJS.ProcessEnv,
  name: string,
  key: string,
  names: Readonly<Record<string, string>>,
): void {
  const value = env[name];
  if (value === undefined) return;
  const plugin = Object.hasOwn(names, value) ? names[value] : undefined;
  if (plugin !== undefined) {
    result.values[key] = plugin;
    return;
  }
  const nearest = nearestName(value, Object.keys(names));
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  const expected = Object.keys(names).join(', ');
  result.problems.push(problem([name], `expected one of ${expected}, got "${value}"${hint}`));
}

function integer(
  result: EnvironmentResult,
  env: NodeJS.ProcessEnv,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const value = env[name];
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d{1,10}$/.test(value) && number >= least && number <= most) return number;
  const message = `expected an integer from ${least} to ${most}, got "${value}"`;
  result.problems.push(problem([name], message));
  return undefined;
}
