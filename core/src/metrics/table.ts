import { ofFunction, ofGroup, ofProcess, ofTenant, ofWorker, stat, type Metric } from './declare';
import { secondsOf, slowdownOf } from './histogram';
import { OUTCOMES, REJECTIONS } from './layout';
import { PLACEMENT_COUNTERS } from '../placement/placement-counters';
import { PLACEMENT } from './placement-table';
import { STARTED_SECONDS } from './started';

export { SCOPE_LABELS, SCOPES } from './declare';
export type { FunctionSource, Metric, MetricSources, Sample, Scope, TenantSource } from './declare';

const NS_PER_S = 1e9;

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
  ofProcess((sources) => stat('replyLagNs')(sources) / NS_PER_S, {
    name: 'sledge_reply_lag_seconds',
    type: 'gauge',
    help: 'From the end of a request until its answer leaves the main thread, as expected now.',
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
  ofFunction(({ metrics }) => metrics.estimateNs / NS_PER_S, {
    name: 'sledge_estimate_seconds_total',
    type: 'counter',
    help: 'Service times that were expected of what has completed.',
  }),
  ofFunction(({ metrics }) => metrics.estimateErrorNs / NS_PER_S, {
    name: 'sledge_estimate_error_seconds_total',
    type: 'counter',
    help: 'How far they were off, whichever way: over the one above it is the relative error.',
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

const TENANT: readonly Metric[] = [
  ofTenant(({ inFlight }) => inFlight, {
    name: 'sledge_tenant_requests_in_flight',
    type: 'gauge',
    help: 'Accepted, and their outcome is not fetched yet; limits.concurrency bounds them.',
    column: 'IN FLIGHT',
  }),
  ofTenant(({ queued }) => queued, {
    name: 'sledge_tenant_requests_queued',
    type: 'gauge',
    help: 'Of those, never started yet; limits.queued bounds them.',
    column: 'QUEUED',
  }),
  ofTenant(({ shareMax }) => shareMax, {
    name: 'sledge_tenant_queue_share_requests',
    type: 'gauge',
    help: 'How many it may have in flight now, by its weight and by what is free of the queues.',
  }),
  ofTenant(({ memoryBytes }) => memoryBytes, {
    name: 'sledge_tenant_memory_bytes',
    type: 'gauge',
    help: 'Linear memory in use or of idle instances, within limits.memoryBytes. Not under v8.',
    column: 'MEMORY',
  }),
  ofTenant(({ idleMemoryBytes }) => idleMemoryBytes, {
    name: 'sledge_tenant_idle_memory_bytes',
    type: 'gauge',
    help: 'Of that, of warm instances that nobody uses; they give way to what starts or grows.',
    column: 'IDLE MEMORY',
  }),
  ofTenant(({ ended }) => ended, {
    name: 'sledge_tenant_requests_total',
    type: 'counter',
    help: 'Requests that have ended, of functions that are gone too.',
    column: 'REQUESTS',
  }),
  ofTenant(({ deadlinesMissed }) => deadlinesMissed, {
    name: 'sledge_tenant_deadlines_missed_total',
    type: 'counter',
    help: 'Of those, after their deadline.',
    column: 'MISSED',
  }),
  ofTenant(({ runNs }) => runNs / NS_PER_S, {
    name: 'sledge_tenant_cpu_seconds_total',
    type: 'counter',
    help: 'Time that they had a worker, for billing: times 1,000 in CPU-ms.',
    column: 'CPU S',
  }),
  ofTenant(({ memoryByteSeconds }) => memoryByteSeconds, {
    name: 'sledge_tenant_memory_byte_seconds_total',
    type: 'counter',
    help: 'Linear memory times the time from start to end, for billing. Not under sandbox v8.',
  }),
];

const WORKER: readonly Metric[] = [
  ofWorker(({ queued }) => queued, {
    name: 'sledge_worker_queue_length',
    type: 'gauge',
    help: 'Requests in its run queue, preempted ones too; not what the dispatcher holds.',
    column: 'QUEUED',
  }),
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

/** These have metrics of their own; what else a placement counts has not. */
const OF_PLACEMENT = new Set(['away', ...PLACEMENT_COUNTERS].map((name) => `placement.${name}`));

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
        if (transport === undefined || event === undefined || OF_PLACEMENT.has(name)) return [];
        return [{ labels: { transport, event }, value }];
      }),
  },
];

/** Every metric of a server. */
export const METRICS: readonly Metric[] = [
  ...PROCESS,
  ...TENANT,
  ...FUNCTION,
  ...WORKER,
  ...GROUP,
  ...TRANSPORT,
  ...PLACEMENT,
];
