import { detailText, STATUSES } from '../data-plane/outcome-record';
import type { Completion } from './completion';

/** What rows need beside a completion. */
export interface PerfContext {
  /** By id in the data plane. */
  readonly functions: readonly PerfFunction[];
  /** Unix time of the process's start, ms. */
  readonly startedMs: number;
}

export interface PerfFunction {
  readonly tenant: string;
  readonly name: string;
  readonly requestType: number;
}

interface PerfColumn {
  readonly name: string;
  /** For the reference; times are microseconds. */
  readonly about: string;
  /** Of SLEdgeScale's sandbox log, in its order. */
  readonly isSledgeScale: boolean;
  readonly value: (row: Completion, context: PerfContext) => number | string;
}

const NS_PER_US = 1000;
const NS_PER_MS = 1e6;
const us = (ns: number): number => ns / NS_PER_US;
const isLate = ({ deadlineNs, endNs }: Completion): boolean =>
  deadlineNs >= 0 && endNs > deadlineNs;
const totalNs = ({ arrivalNs, endNs }: Completion): number => endNs - arrivalNs;

/** All columns: a header and its rows are both made from a choice of these. */
export const PERF_COLUMNS = [
  theirs('tid', 'worker, from 0; -1: it has never started', ({ worker }) => worker),
  theirs('rid', 'request, as in X-Sledge-Request', ({ request }) => request),
  theirs('SLO', '`miss`: it ended after its deadline; else `meet`', (row) =>
    isLate(row) ? 'miss' : 'meet',
  ),
  theirs('total', 'from arrival to its end', (row) => us(totalNs(row))),
  theirs('execution', 'on a worker, in its sandbox', ({ runNs }) => us(runNs)),
  theirs('queued', 'from arrival until a worker took it, or until its end', (row) => {
    const untilNs = row.startNs < 0 ? row.endNs : row.startNs - row.initNs;
    return us(Math.max(0, untilNs - row.arrivalNs));
  }),
  theirs('rtype', '`requestType` of its function; 0: it has none', (row, { functions }) => {
    return functions[row.function]?.requestType ?? 0;
  }),
  theirs('init', 'to make its sandbox ready', ({ initNs }) => us(initNs)),
  theirs('cleanup', 'to reset its slot, behind the reply', ({ cleanupNs }) => us(cleanupNs)),
  theirs('deadline', 'relative to arrival; 0: none', ({ deadlineNs, arrivalNs }) =>
    deadlineNs < 0 ? 0 : us(deadlineNs - arrivalNs),
  ),
  theirs('queuelen', "of its worker's run queue at its end", ({ queueLength }) => queueLength),
  theirs('estimated', 'execution time expected at arrival', ({ estimateNs }) => us(estimateNs)),
  ours('tenant', 'of its function', (row, { functions }) => {
    return functions[row.function]?.tenant ?? '';
  }),
  ours('function', 'its name', (row, { functions }) => functions[row.function]?.name ?? ''),
  ours('status', 'how it ended: `completed`, `trapped`, `timed-out` ...', ({ status }) => {
    return STATUSES[status] ?? '';
  }),
  ours('detail', 'exit code, trap or error code; empty: completed', ({ status, detail }) =>
    detailText(status, detail),
  ),
  ours('arrival', 'when its last byte came, since the start of the process', ({ arrivalNs }) =>
    us(arrivalNs),
  ),
  ours('started', 'its first instruction, likewise; -1: it has never started', ({ startNs }) =>
    startNs < 0 ? -1 : us(startNs),
  ),
  ours('ended', 'its end, likewise', ({ endNs }) => us(endNs)),
  ours('late', 'after its deadline; 0: in time', (row) =>
    isLate(row) ? us(row.endNs - row.deadlineNs) : 0,
  ),
  ours('slowdown', 'total / execution; 0: it has never run', (row) =>
    row.runNs > 0 ? totalNs(row) / row.runNs : 0,
  ),
  ours('preemptions', 'how often it was preempted', ({ preemptions }) => preemptions),
  ours('time', 'its end as Unix time, ms', ({ endNs }, { startedMs }) =>
    Math.round(startedMs + endNs / NS_PER_MS),
  ),
] as const satisfies readonly PerfColumn[];

export type PerfColumnName = (typeof PERF_COLUMNS)[number]['name'];
export const PERF_COLUMN_NAMES = PERF_COLUMNS.map(({ name }) => name);

/** What `perfLog.columns` says: a named set, or a list. */
export type PerfColumnChoice = 'all' | 'sledgescale' | readonly string[];

/** The columns of a choice, in the order of the choice. */
export function perfColumns(choice: PerfColumnChoice): readonly PerfColumn[] {
  const all: readonly PerfColumn[] = PERF_COLUMNS;
  if (choice === 'all') return all;
  if (choice === 'sledgescale') return all.filter(({ isSledgeScale }) => isSledgeScale);
  return choice.flatMap((name) => all.filter((column) => column.name === name));
}

function theirs<const Name extends string>(name: Name, about: string, value: PerfColumn['value']) {
  return { name, about, isSledgeScale: true, value };
}

function ours<const Name extends string>(name: Name, about: string, value: PerfColumn['value']) {
  return { name, about, isSledgeScale: false, value };
}
