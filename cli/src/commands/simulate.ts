import { writeFileSync } from 'node:fs';
import { SledgeError } from '@sledge/core';
import { POLICY_KINDS, reasonOf } from '@sledge/core/host';
import { COST_NAMES, drawTrace, loadCosts, loadPolicies, loadWorkload } from '@sledge/lab';
import { runCells, writeTrace } from '@sledge/lab';
import type { Cell, CellResult, FullCellResult, PolicyChoice } from '@sledge/lab';
import type { PolicyChoices, WorkloadChoice } from '@sledge/lab';
import { Presets, SingleBar } from 'cli-progress';
import type { PolicyKind } from '@sledge/core/host';
import type { Command } from 'commander';
import { wholeBetween } from '../number-options';
import { printJson, printNote, printTable } from '../output';
import { clusterOf, printCluster, withCluster } from './simulate-cluster';
import type { ClusterOptions } from './simulate-cluster';

const TRACE_EVENTS_MAX = 20_000_000;
const traceEvents = wholeBetween(1, TRACE_EVENTS_MAX, '--trace-events');
const KINDS: readonly string[] = [...POLICY_KINDS, 'workload', 'placement'];

interface SimulateOptions extends ClusterOptions {
  workload: string;
  meanUs?: string;
  dispatcher: string;
  scheduler: string;
  estimator: string;
  admission: string;
  quantumUs?: string;
  options?: string;
  workers: string;
  groups: string;
  load: string;
  maxRequests?: string;
  queuePerWorker?: string;
  requests: string;
  seed: string;
  seeds?: string;
  costs: string;
  ideal?: boolean;
  threads?: string;
  trace?: string;
  traceEvents: number;
  /** A file; true: standard output. */
  json?: string | boolean;
  saveArrivals?: string;
}

export function simulateCommand(program: Command): void {
  const command = program
    .command('simulate')
    .description('run a workload in virtual time on the dispatch core, under any policies')
    .option(
      '--workload <name>',
      'a preset, a .ts, .js or .json file, or a .csv trace',
      'exponential',
    )
    .option('--mean-us <us>', 'scales service times to this mean')
    .option('--dispatcher <name>', 'name, package or path', 'global-queue')
    .option('--scheduler <name>', 'name, package or path', 'fifo')
    .option('--quantum-us <us>', 'quantumUs of the scheduler')
    .option('--estimator <name>', 'oracle, percentile ...; none: the mean of its class', 'none')
    .option('--admission <name>', 'name, package or path', 'none')
    .option('--options <json>', 'by kind, workload too: {"dispatcher":{"interrupts":true}}')
    .option('--workers <n>', 'how many; of each node', '1')
    .option('--groups <n>', 'dispatchers, each with its share of the workers', '1')
    .option('--max-requests <n>', 'alive at a time; more are refused (default: 65536)')
    .option('--queue-per-worker <n>', 'waiting at one worker (default: as --max-requests)')
    .option('--load <list>', 'offered, as shares of all workers: 0.5,0.7; own: as recorded', '0.7')
    .option('--requests <n>', 'in each run', '1000000')
    .option('--seed <n>', 'of everything random', '1')
    .option('--seeds <n>', 'as many runs, with seeds from --seed on')
    .option(
      '--costs <name>',
      `what mechanisms cost: ${COST_NAMES.join(', ')}, or a .json file`,
      'this-machine',
    )
    .option('--ideal', 'the same as --costs ideal, whatever --costs says')
    .option('--threads <n>', 'runs at a time (default: one per core)')
    .option('--trace <file>', 'of one run, for Perfetto and `sledge explain`')
    .option('--trace-events <n>', 'that the trace keeps, the first ones', traceEvents, 1_000_000)
    .option('--json [file]', 'write the results as JSON')
    .option('--save-arrivals <file>', 'write the requests of the first run as a .csv trace');
  withCluster(command).option('--verbose', 'print the stack of an error').action(simulate);
}

async function simulate(options: SimulateOptions): Promise<void> {
  const cells = await cellsOf(options);
  if (options.saveArrivals !== undefined && cells[0] !== undefined) {
    write('--save-arrivals', options.saveArrivals, drawTrace(cells[0]));
  }
  const bar = new SingleBar(
    { format: '{bar} {percentage} % | {value}/{total} requests | {eta_formatted} left' },
    Presets.shades_classic,
  );
  const hasBar = process.stderr.isTTY;
  if (hasBar)
    bar.start(
      cells.reduce((sum, { requests }) => sum + requests, 0),
      0,
    );
  let full: FullCellResult[];
  try {
    full = await runCells(cells, {
      threads: optional('--threads', options.threads),
      onProgress: (done) => (hasBar ? bar.update(done) : undefined),
    });
  } finally {
    if (hasBar) bar.stop();
  }
  const [first] = full;
  if (options.trace !== undefined && first !== undefined) {
    writeTrace(options.trace, cells[0] as Cell, first);
    const lost = first.recordMissed === 0 ? '' : `, without the last ${first.recordMissed} events`;
    printNote(`Written to ${options.trace}${lost}.`);
  }
  print(options, cells, full);
}

async function cellsOf(options: SimulateOptions): Promise<Cell[]> {
  const folder = process.cwd();
  const name = options.ideal === true ? 'ideal' : options.costs;
  const model = loadCosts(name, folder);
  printNote(`Costs (${name}): ${model.source}.`);
  const workload = await loadWorkload(workloadOf(options), folder);
  const policies = loadPolicies(choicesOf(options), folder);
  const own = optionsByKind(options.options)['placement'];
  const cluster = clusterOf(options, own ? [options.placement, own] : options.placement);
  const common = {
    workload,
    ...policies,
    cluster,
    workers: number('--workers', options.workers) * (cluster?.nodes ?? 1),
    groups: number('--groups', options.groups),
    requests: number('--requests', options.requests),
    maxRequests: optional('--max-requests', options.maxRequests),
    queuePerWorker: optional('--queue-per-worker', options.queuePerWorker),
    costs: model.costs,
    canPreempt: model.canPreempt,
    canMigrate: model.canMigrate,
    recordMax: options.trace === undefined ? 0 : options.traceEvents,
  };
  const loads = options.load
    .split(',')
    .map((load) => (load === 'own' ? undefined : number('--load', load)));
  const first = number('--seed', options.seed);
  const count = number('--seeds', options.seeds ?? '1');
  if (!(count >= 1 && count <= 10_000)) throw usage(`--seeds is ${count}, not from 1 to 10000`);
  if (options.trace !== undefined && loads.length * count !== 1) {
    throw usage('--trace is of one run: give one --load and one --seed');
  }
  return loads.flatMap((load) =>
    Array.from({ length: count }, (_, at) => ({ ...common, load, seed: first + at })),
  );
}

function workloadOf(options: SimulateOptions): WorkloadChoice {
  const own = optionsByKind(options.options)['workload'];
  const { meanUs } = options;
  const us = optional('--mean-us', meanUs);
  const scale = us === undefined ? undefined : { meanUs: us };
  const given = own === undefined && scale === undefined ? undefined : { ...own, ...scale };
  return { source: options.workload, options: given };
}

function choicesOf(options: SimulateOptions): PolicyChoices {
  const given = optionsByKind(options.options);
  if (options.quantumUs !== undefined) {
    const quantumUs = number('--quantum-us', options.quantumUs);
    given['scheduler'] = { ...given['scheduler'], quantumUs };
  }
  const choice = (kind: PolicyKind): PolicyChoice => {
    const own = given[kind];
    return own === undefined ? options[kind] : [options[kind], own];
  };
  return {
    dispatcher: choice('dispatcher'),
    scheduler: choice('scheduler'),
    estimator: choice('estimator'),
    admission: choice('admission'),
  };
}

function optionsByKind(text = '{}'): Record<string, object> {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    // said below
  }
  if (!isObject(given) || !Object.values(given).every(isObject)) {
    throw usage('--options is no JSON object of objects, such as {"dispatcher":{}}');
  }
  const strange = Object.keys(given).find((kind) => !KINDS.includes(kind));
  if (strange === undefined) return given as Record<string, object>;
  throw usage(`--options: ${strange} is none of ${KINDS.join(', ')}`);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw usage(`${name} is ${text}, which is no number`);
}

const optional = (name: string, text: string | undefined): number | undefined =>
  text === undefined ? undefined : number(name, text);

function usage(reason: string): SledgeError {
  return new SledgeError('SLEDGE_ERR_CLI_USAGE', { reason });
}

function print(options: SimulateOptions, cells: readonly Cell[], full: FullCellResult[]): void {
  const runs = full.map(({ result }, at) => ({
    load: cells[at]?.load,
    seed: cells[at]?.seed,
    costs: cells[at]?.costs,
    ...result,
  }));
  const document = runs.length === 1 ? runs[0] : { version: 1, runs };
  if (options.json === true) return printJson(document);
  if (typeof options.json === 'string') {
    write('--json', options.json, `${JSON.stringify(document, undefined, 2)}\n`);
  }
  printTable(
    [
      'load',
      'seed',
      'class',
      'requests',
      'mean us',
      'p50',
      'p99',
      'p99.9',
      'slowdown p99.9',
      'missed',
    ],
    runs.flatMap((run) => rows(`${run.load ?? ''}`, `${run.seed ?? ''}`, run)),
  );
  printCluster(runs);
}

function write(option: string, file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw usage(`${option}: ${reasonOf(error)}`);
  }
  printNote(`Written to ${file}.`);
}

function rows(load: string, seed: string, run: CellResult): string[][] {
  const all =
    run.classes.length > 1 ? [{ name: 'all', ...pick(run) }, ...run.classes] : run.classes;
  return all.map(({ name, requests, sojournUs: us, slowdown, missRate }) => [
    load,
    seed,
    name,
    String(requests),
    us.mean.toFixed(2),
    us.p50.toFixed(2),
    us.p99.toFixed(2),
    us.p999.toFixed(2),
    slowdown.p999.toFixed(1),
    `${(100 * missRate).toFixed(2)} %`,
  ]);
}

function pick({ requests, sojournUs, slowdown, missRate }: CellResult) {
  return { requests, sojournUs, slowdown, missRate };
}
