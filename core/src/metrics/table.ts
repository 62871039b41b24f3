import type { Histogram } from './histogram';
import { secondsOf, slowdownOf } from './histogram';
import { STARTED_SECONDS } from './started';
import { OUTCOMES, REJECTIONS } from './layout';
import type { FunctionMetrics, GroupRow, WorkerRow } from './layout';

const NS_PER_S = 1e9;

export interface FunctionSource {
  readonly tenant: string;
  readonly function: string;
  readonly metrics: FunctionMetrics;
  /** Accepted and not reaped, and of those not started. */
  readonly inFlight: number;
  readonly queued: number;
}

/** One look at a server. */
export interface MetricSources {
  readonly isReady: boolean;
  /** Counters and gauges of the data plane and the transports, by name. */
  readonly stats: Readonly<Record<string, number>>;
  /** Those that have been called. */
  readonly functions: readonly FunctionSource[];
  readonly workers: readonly (WorkerRow & { readonly groupName: string })[];
  readonly groups: readonly (GroupRow & { readonly groupName: string })[];
}

export type Scope = 'process' | 'function' | 'worker' | 'group' | 'transport';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | Histogram;
}

/** One metric: from it come the exposition, its documentation, the JSON and the CLI's columns. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'untyped';
  readonly scope: Scope;
  readonly help: string;
  /** Beside those of its scope. */
  readonly label?: string;
  /** Title in the table of `sledge metrics`; a histogram has one for each quantile. */
  readonly column?: string | Partial<Record<keyof Histogram['quantiles'], string>>;
  samples(sources: MetricSources): Sample[];
}

export const SCOPE_LABELS: Readonly<Record<Scope, readonly string[]>> = {
  process: [],
  function: ['tenant', 'function'],
  worker: ['group', 'worker'],
  group: ['group'],
  transport: ['transport'],
};

type Declared = Omit<Metric, 'samples' | 'scope'>;

function ofProcess(read: (sources: MetricSources) => number, metric: Declared): Metric {
  return {
    ...metric,
    scope: 'process',
    samples: (sources) => [{ labels: {}, value: read(sources) }],
  };
}

function ofFunction(
  read: (of: FunctionSource) => number | Histogram | Readonly<Record<string, number>>,
  metric: Declared,
): Metric {
  const samples = ({ functions }: MetricSources): Sample[] =>
    functions.flatMap((source) => {
      const labels = { tenant: source.tenant, function: source.function };
      const value = read(source);
      if (typeof value === 'number' || 'buckets' in value) {
        return [{ labels, value: value as number | Histogram }];
      }
      const { label = '' } = metric;
      return Object.entries(value).map(([name, count]) => ({
        labels: { ...labels, [label]: name },
        value: count,
      }));
    });
  return { ...metric, scope: 'function', samples };
}

function ofWorker(read: (of: WorkerRow) => number, metric: Declared): Metric {
  return {
    ...metric,
    scope: 'worker',
    samples: ({ workers }) =>
      workers.map((row, worker) => ({
        labels: { group: row.groupName, worker: String(worker) },
        value: read(row),
      })),
  };
}

function ofGroup(read: (of: GroupRow) => number, metric: Declared): Metric {
  return {
    ...metric,
    scope: 'group',
    samples: ({ groups }) =>
      groups.map((row) => ({ labels: { group: row.groupName }, value: read(row) })),
  };
}

const stat = (name: string) => (sources: MetricSources) => sources.stats[name] ?? 0;

const PROCESS: readonly Metric[] = [
  ofProcess(({ isReady }) => Number(isReady), {
    name: 'sledge_ready',
    type: 'gauge',
    help: '1 while it serves.',
  }),
  ofProcess(() => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6, {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time of all threads.',
  }),
  ofProcess(() => process.memoryUsage.rss(), {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Resident memory.',
  }),
  ofProcess(() => STARTED_SECONDS, {
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'When it was started, since 1970.',
  }),
  ofProcess(stat('slotsTotal'), {
    name: 'sledge_arena_slots',
    type: 'gauge',
    help: 'Sandboxes that can exist at once.',
  }),
  ofProcess(stat('slotsUsed'), {
    name: 'sledge_arena_slots_used',
    type: 'gauge',
    help: 'Of those, with an invocation in them.',
  }),
  ofProcess(stat('slotsWarm'), {
    name: 'sledge_arena_slots_warm',
    type: 'gauge',
    help: 'Of those, bound to a function and ready for it.',
  }),
  ofProcess(stat('slotRebinds'), {
    name: 'sledge_arena_rebinds_total',
    type: 'counter',
    help: 'Slots that were bound to another function.',
  }),
  ofProcess(stat('modulesLoaded'), {
    name: 'sledge_modules_loaded',
    type: 'gauge',
    help: 'Modules of functions that are in memory.',
  }),
  ofProcess(stat('moduleLoads'), {
    name: 'sledge_module_loads_total',
    type: 'counter',
    help: 'How often one was loaded, by the first call of a function or after it was unloaded.',
  }),
  ofProcess(stat('moduleUnloads'), {
    name: 'sledge_module_unloads_total',
    type: 'counter',
    help: 'How often one had to go for another, at limits.loadedModules.',
  }),
  ofProcess(stat('moduleLoadFailures'), {
    name: 'sledge_module_load_failures_total',
    type: 'counter',
    help: 'How often one could not be loaded, and the calls of its function failed.',
  }),
  ofProcess(stat('rejectedFunctionGone'), {
    name: 'sledge_requests_without_function_total',
    type: 'counter',
    help: 'Refused because their function is not there any more.',
  }),
];

const FUNCTION: readonly Metric[] = [
  ofFunction(({ metrics }) => metrics.accepted, {
    name: 'sledge_requests_accepted_total',
    type: 'counter',
    help: 'Requests that were accepted.',
    column: 'ACCEPTED',
  }),
  ofFunction(({ metrics }) => metrics.ended, {
    name: 'sledge_requests_total',
    type: 'counter',
    label: 'outcome',
    help: `Requests that have ended, by outcome: ${OUTCOMES.join(', ')}.`,
  }),
  ofFunction(({ metrics }) => metrics.rejected, {
    name: 'sledge_requests_rejected_total',
    type: 'counter',
    label: 'reason',
    help: `Requests that were not accepted, by reason: ${REJECTIONS.join(', ')}.`,
  }),
  ofFunction(({ inFlight }) => inFlight, {
    name: 'sledge_requests_in_flight',
    type: 'gauge',
    help: 'Accepted, and their outcome is not fetched yet.',
    column: 'IN FLIGHT',
  }),
  ofFunction(({ queued }) => queued, {
    name: 'sledge_requests_queued',
    type: 'gauge',
    help: 'Of those, never started yet.',
    column: 'QUEUED',
  }),
  ofFunction(({ metrics }) => metrics.deadlinesMet, {
    name: 'sledge_deadlines_met_total',
    type: 'counter',
    help: 'Completed by their deadline.',
  }),
  ofFunction(({ metrics }) => metrics.deadlinesMissed, {
    name: 'sledge_deadlines_missed_total',
    type: 'counter',
    help: 'Ended after their deadline, whatever their outcome.',
    column: 'MISSED',
  }),
  ofFunction(({ metrics }) => metrics.preemptions, {
    name: 'sledge_preemptions_total',
    type: 'counter',
    help: 'How often requests that have ended had been preempted.',
    column: 'PREEMPTED',
  }),
  ofFunction(({ metrics }) => metrics.runNs / NS_PER_S, {
    name: 'sledge_function_cpu_seconds_total',
    type: 'counter',
    help: 'Time that its ended requests had a worker, for billing: times 1,000 in CPU-ms.',
    column: 'CPU S',
  }),
  ofFunction(({ metrics }) => metrics.memoryByteSeconds, {
    name: 'sledge_function_memory_byte_seconds_total',
    type: 'counter',
    help: 'Linear memory times the time from start to end, for billing. Not under sandbox v8.',
  }),
  ofFunction(({ metrics }) => secondsOf(metrics.histograms.sojournNs), {
    name: 'sledge_sojourn_seconds',
    type: 'histogram',
    help: 'From arrival to end.',
    column: { p50: 'SOJOURN P50', p99: 'P99', p999: 'P99.9' },
  }),
  ofFunction(({ metrics }) => secondsOf(metrics.histograms.waitNs), {
    name: 'sledge_wait_seconds',
    type: 'histogram',
    help: 'From arrival to the first instruction, of what has started.',
    column: { p99: 'WAIT P99' },
  }),
  ofFunction(({ metrics }) => secondsOf(metrics.histograms.serviceNs), {
    name: 'sledge_service_seconds',
    type: 'histogram',
    help: 'On a worker, of what has started.',
    column: { p50: 'SERVICE P50' },
  }),
  ofFunction(({ metrics }) => slowdownOf(metrics.histograms.slowdown), {
    name: 'sledge_slowdown',
    type: 'histogram',
    help: 'Sojourn time over service time, of what has started.',
    column: { p99: 'SLOWDOWN P99' },
  }),
];

const WORKER: readonly Metric[] = [
  ofWorker(({ runs }) => runs, {
    name: 'sledge_worker_runs_total',
    type: 'counter',
    help: 'How often it entered a sandbox.',
    column: 'RUNS',
  }),
  ofWorker(({ preemptions }) => preemptions, {
    name: 'sledge_worker_preemptions_total',
    type: 'counter',
    help: 'How often what it ran was preempted.',
    column: 'PREEMPTIONS',
  }),
  ofWorker(({ signals }) => signals, {
    name: 'sledge_worker_signals_total',
    type: 'counter',
    help: 'Signals sent to it, to preempt or to kill.',
  }),
  ofWorker(({ runNs }) => runNs / NS_PER_S, {
    name: 'sledge_worker_sandbox_seconds_total',
    type: 'counter',
    help: 'Time in sandboxes.',
    column: 'SANDBOX S',
  }),
  ofWorker(({ cpuNs }) => cpuNs / NS_PER_S, {
    name: 'sledge_worker_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time of its thread, spinning included.',
    column: 'CPU S',
  }),
  ofWorker(({ idle }) => idle, {
    name: 'sledge_worker_idle',
    type: 'gauge',
    help: '1 while it has nothing to run.',
    column: 'IDLE',
  }),
  ofWorker(({ slotWaits }) => slotWaits, {
    name: 'sledge_worker_slot_waits_total',
    type: 'counter',
    help: 'How often no slot was free.',
  }),
  ofWorker(({ spins }) => spins, {
    name: 'sledge_worker_spins_total',
    type: 'counter',
    help: 'Idle periods that ended while it span.',
  }),
  ofWorker(({ sleeps }) => sleeps, {
    name: 'sledge_worker_sleeps_total',
    type: 'counter',
    help: 'Idle periods in which it slept.',
    column: 'SLEEPS',
  }),
];

const GROUP: readonly Metric[] = [
  ofGroup(({ held }) => held, {
    name: 'sledge_dispatcher_held',
    type: 'gauge',
    help: 'Requests that the dispatcher holds.',
    column: 'HELD',
  }),
  ofGroup(({ queued }) => queued, {
    name: 'sledge_run_queue_length',
    type: 'gauge',
    help: 'Requests in run queues of its workers, preempted ones too.',
    column: 'QUEUED',
  }),
  ofGroup(({ running }) => running, {
    name: 'sledge_dispatcher_running',
    type: 'gauge',
    help: 'Requests that run.',
    column: 'RUNNING',
  }),
  ofGroup(({ blocked }) => blocked, {
    name: 'sledge_dispatcher_blocked',
    type: 'gauge',
    help: 'Requests that wait in a host call.',
    column: 'BLOCKED',
  }),
  ofGroup(({ accepted }) => accepted, {
    name: 'sledge_dispatcher_accepted_total',
    type: 'counter',
    help: 'Requests that it took.',
    column: 'ACCEPTED',
  }),
  ofGroup(({ refused }) => refused, {
    name: 'sledge_dispatcher_refused_total',
    type: 'counter',
    help: 'Requests that it refused: queues full, or not admitted.',
    column: 'REFUSED',
  }),
  ofGroup(({ interrupts }) => interrupts, {
    name: 'sledge_dispatcher_interrupts_total',
    type: 'counter',
    help: 'How often it asked what runs to leave.',
  }),
  ofGroup(({ migrations }) => migrations, {
    name: 'sledge_dispatcher_migrations_total',
    type: 'counter',
    help: 'Preempted requests that went on on another worker.',
  }),
  ofGroup(({ overdueRuns }) => overdueRuns, {
    name: 'sledge_dispatcher_overdue_runs_total',
    type: 'counter',
    help: 'Late requests that ran before on-time ones, on the share of what is overdue.',
  }),
  ofGroup(({ wakes }) => wakes, {
    name: 'sledge_dispatcher_wakes_total',
    type: 'counter',
    help: 'How often it woke a worker.',
  }),
];

const TRANSPORT: readonly Metric[] = [
  {
    name: 'sledge_transport_events',
    type: 'untyped',
    scope: 'transport',
    label: 'event',
    help: 'What transports count themselves; see the reference of each.',
    samples: ({ stats }) =>
      Object.entries(stats).flatMap(([name, value]) => {
        const [, transport, event] = /^([^.]+)\.(.+)$/.exec(name) ?? [];
        if (transport === undefined || event === undefined) return [];
        return [{ labels: { transport, event }, value }];
      }),
  },
];

/** Every metric of a server. */
export const METRICS: readonly Metric[] = [
  ...PROCESS,
  ...FUNCTION,
  ...WORKER,
  ...GROUP,
  ...TRANSPORT,
];
