import type { CompareDocument, CompareRun } from './document';
import type { CompareEngine, EngineRun, RunRequest } from './engine';
import { workloadName } from './experiment';
import type { AnyWorkload, Experiment, Variant } from './experiment';
import { machineOf, readCpuTimes } from './machine';
import { cellsOf, comparisonsOf } from './verdict';

export interface CompareProgress {
  readonly done: number;
  readonly of: number;
  readonly workload: string;
  readonly variant: string;
  readonly load: number;
  /** Of all work, 0 to 1. */
  readonly share: number;
  readonly leftS: number;
}

export interface CompareOptions {
  /** What to type to repeat it. */
  readonly command: string;
  readonly onProgress?: ((progress: CompareProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What runs the experiment's cells of one workload. */
export type EngineOf = (workload: AnyWorkload) => CompareEngine | Promise<CompareEngine>;

type Planned = RunRequest & { readonly repeat: number };

const STEAL_DOUBT = 0.01;

/**
 * Runs every variant at every load of every workload, the variants turn about within each repeat,
 * and compares them run by run. The order of variants turns from repeat to repeat, so that none is
 * always first.
 */
export async function compare(
  experiment: Experiment,
  engineOf: EngineOf,
  options: CompareOptions,
): Promise<CompareDocument> {
  const startedAt = new Date().toISOString();
  const before = readCpuTimes();
  const runs: CompareRun[] = [];
  const labels = new Set<string>();
  const facts: CompareDocument['machine'] = {};
  const report = progressOf(experiment, options);
  for (const workload of experiment.workloads) {
    const engine = await engineOf(workload);
    await engine.start();
    try {
      runs.push(
        ...(await runWorkload(experiment, engine, workloadName(workload), options, report)),
      );
    } finally {
      await engine.stop();
    }
    for (const label of engine.labels) labels.add(label);
    Object.assign(facts, engine.facts);
  }
  const { confidence, variants } = experiment;
  const isSimulated = experiment.engine === 'simulated';
  const machine = isSimulated ? facts : { ...machineOf(before) };
  const steal = Number(machine.steal ?? 0);
  if (steal > STEAL_DOUBT)
    labels.add(`the hypervisor took ${(steal * 100).toFixed(1)} % of CPU time`);
  return {
    schema: 'sledge-compare/2',
    command: options.command,
    ...(isSimulated ? {} : { startedAt }),
    engine: experiment.engine,
    labels: [...labels],
    machine,
    config: experiment,
    confidence,
    variants: variants.map((one) => ({ name: one.name, policies: policiesOf(one) })),
    runs,
    cells: cellsOf(runs, confidence),
    comparisons: comparisonsOf(runs, confidence),
  };
}

type Report = (request: RunRequest, workload: string, share: number) => void;

/** `share`: of the work of this workload. */
function progressOf(
  { loads, variants, repeats, workloads }: Experiment,
  options: CompareOptions,
): Report {
  const of = loads.length * variants.length * repeats * workloads.length;
  const names = workloads.map(workloadName);
  const began = performance.now();
  let done = 0;
  return ({ variant, load }, workload, share) => {
    done += 1;
    const all = (names.indexOf(workload) + share) / names.length;
    const leftS = ((performance.now() - began) / 1000) * (1 / Math.max(all, 1e-9) - 1);
    options.onProgress?.({ done, of, workload, variant: variant.name, load, share: all, leftS });
  };
}

async function runWorkload(
  experiment: Experiment,
  engine: CompareEngine,
  workload: string,
  { signal }: CompareOptions,
  report: Report,
): Promise<CompareRun[]> {
  const planned = plan(experiment, signal);
  const results = await runPlanned(planned, engine, (at, share) => {
    report(planned[at] as Planned, workload, share);
  });
  const runs = planned.map(({ variant, load, repeat, seed }, order): CompareRun => {
    const result = results[order] as EngineRun;
    return { workload, variant: variant.name, load, repeat, order, seed, ...result };
  });
  // The first variant of the experiment is what others are compared with, whoever ran first.
  const place = new Map(experiment.variants.map(({ name }, at) => [name, at]));
  const at = (run: CompareRun): number => place.get(run.variant) ?? 0;
  return runs.sort((a, b) => a.load - b.load || at(a) - at(b) || a.repeat - b.repeat);
}

async function runPlanned(
  planned: readonly Planned[],
  engine: CompareEngine,
  onRun: (at: number, share: number) => void,
): Promise<EngineRun[]> {
  if (engine.runAll !== undefined) return engine.runAll(planned, onRun);
  const results: EngineRun[] = [];
  for (const request of planned) {
    request.signal?.throwIfAborted();
    results.push(await engine.run(request));
    onRun(results.length - 1, results.length / planned.length);
  }
  return results;
}

function plan({ loads, variants, repeats, seed }: Experiment, signal?: AbortSignal): Planned[] {
  return Array.from({ length: repeats }, (_, repeat) =>
    loads.flatMap((load) =>
      turned(variants, repeat).map((variant) => ({
        variant,
        load,
        repeat,
        seed: seed + repeat,
        signal,
      })),
    ),
  ).flat();
}

const turned = <T>(list: readonly T[], by: number): T[] => [
  ...list.slice(by % list.length),
  ...list.slice(0, by % list.length),
];

function policiesOf(variant: Variant): Record<string, string> {
  const { dispatcher, scheduler, estimator, admission, server } = variant;
  const named = Object.entries({ dispatcher, scheduler, estimator, admission, server });
  return Object.fromEntries(
    named.flatMap(([kind, value]) =>
      value === undefined ? [] : [[kind, typeof value === 'string' ? value : value[0]]],
    ),
  );
}
