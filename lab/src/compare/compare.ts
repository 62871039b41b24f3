import type { CompareDocument, CompareRun } from './document';
import type { CompareEngine } from './engine';
import type { Experiment, Variant } from './experiment';
import { machineOf, readCpuTimes } from './machine';
import { cellsOf, comparisonsOf } from './verdict';

export interface CompareProgress {
  readonly done: number;
  readonly of: number;
  readonly variant: string;
  readonly load: number;
  readonly leftS: number;
}

export interface CompareOptions {
  /** What to type to repeat it. */
  readonly command: string;
  readonly onProgress?: ((progress: CompareProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const STEAL_DOUBT = 0.01;

/**
 * Runs every variant at every load, the variants turn about within each repeat, and compares them
 * run by run. The order of variants turns from repeat to repeat, so that none is always first.
 */
export async function compare(
  experiment: Experiment,
  engine: CompareEngine,
  options: CompareOptions,
): Promise<CompareDocument> {
  const startedAt = new Date().toISOString();
  const before = readCpuTimes();
  const runs: CompareRun[] = [];
  await engine.start();
  try {
    await runAll(experiment, engine, options, runs);
  } finally {
    await engine.stop();
  }
  const machine = machineOf(before);
  const { confidence, variants } = experiment;
  const stolen = `the hypervisor took ${(machine.steal * 100).toFixed(1)} % of CPU time`;
  const isStolen = experiment.engine !== 'simulated' && machine.steal > STEAL_DOUBT;
  return {
    schema: 'sledge-compare/1',
    command: options.command,
    startedAt,
    engine: experiment.engine,
    labels: [...engine.labels, ...(isStolen ? [stolen] : [])],
    machine: { ...machine },
    config: experiment,
    confidence,
    variants: variants.map((one) => ({ name: one.name, policies: policiesOf(one) })),
    runs,
    cells: cellsOf(runs, confidence),
    comparisons: comparisonsOf(runs, confidence),
  };
}

async function runAll(
  { loads, variants, repeats, seed }: Experiment,
  engine: CompareEngine,
  { onProgress, signal }: CompareOptions,
  runs: CompareRun[],
): Promise<void> {
  const of = loads.length * variants.length * repeats;
  const began = performance.now();
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    for (const load of loads) {
      for (const variant of turned(variants, repeat)) {
        signal?.throwIfAborted();
        const order = runs.length;
        const runSeed = seed + repeat;
        const result = await engine.run({ variant, load, seed: runSeed, signal });
        runs.push({ variant: variant.name, load, repeat, order, seed: runSeed, ...result });
        const perRunS = (performance.now() - began) / 1000 / runs.length;
        const leftS = perRunS * (of - runs.length);
        onProgress?.({ done: runs.length, of, variant: variant.name, load, leftS });
      }
    }
  }
  // The first variant of the experiment is what others are compared with, whoever ran first.
  const place = new Map(variants.map(({ name }, at) => [name, at]));
  const at = (run: CompareRun): number => place.get(run.variant) ?? 0;
  runs.sort((a, b) => a.load - b.load || at(a) - at(b) || a.repeat - b.repeat);
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
