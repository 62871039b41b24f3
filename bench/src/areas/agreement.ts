import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare, LiveEngine, loadCosts, parseExperiment, SimulatedEngine } from '@sledge/lab';
import type { CompareDocument, Experiment } from '@sledge/lab';
import type { BenchArea, BenchContext } from '../area';
import { figure, median } from '../figure';
import type { Figure } from '../figure';

const LOADS = [0.3, 0.5, 0.7];
/** Long enough that what HTTP takes is a small part, and still some hundred requests a second. */
const WORKLOADS = [
  { label: 'exponential', workload: 'exponential', scale: 400, meanUs: 4000 },
  { label: 'bimodal', workload: 'high-bimodal', scale: 200, meanUs: 10_100 },
] as const;
/** A core that was idle computes slower here for a while, which no cost of the simulator says. */
const HOT = { config: { workers: { idle: 'spin' } } };
const VARIANTS = [
  { name: 'fifo', dispatcher: 'global-queue', scheduler: 'fifo', ...HOT },
  { name: 'edf', dispatcher: 'edf-interrupt', scheduler: 'edf', ...HOT },
];
/** Next to nothing, as often as what is measured: HTTP's core idles as long between two. */
const PROBE_US = 10;
const PROBE_LOAD = 0.5;
const SIZES = {
  full: { repeats: 5, durationS: 10, warmupS: 1, requests: 200_000 },
  quick: { repeats: 2, durationS: 3, warmupS: 0.5, requests: 50_000 },
};

interface Bench {
  readonly context: BenchContext;
  readonly size: (typeof SIZES)['full'];
}

const commandOf = (root: string): string[] => [process.execPath, join(root, 'cli/bin/sledge.js')];

function live(experiment: Experiment, { context }: Bench): Promise<CompareDocument> {
  const settings = { command: commandOf(context.root) };
  return compare(experiment, (one) => LiveEngine.of(experiment, one, settings), {
    command: 'npm run bench -- agreement',
    onProgress: ({ done, of, variant, load }) =>
      context.note(`live ${done} of ${of}: ${variant} at ${load}`),
  });
}

/** What a request over HTTP takes beyond its service time on an idle machine, ns. */
async function overheadNs(meanUs: number, bench: Bench): Promise<number> {
  const probe = { name: 'probe', classes: [{ name: 'all', share: 1, service: PROBE_US }] };
  const experiment = parseExperiment(
    {
      ...bench.size,
      variants: VARIANTS.slice(0, 1),
      workload: probe,
      loads: [(PROBE_LOAD * PROBE_US) / meanUs],
    },
    'agreement',
  );
  const { runs } = await live(experiment, bench);
  const beyondUs = runs.map(({ classes }) => (classes[0]?.sojournUs.p50 ?? 0) - PROBE_US);
  return Math.max(0, 1000 * median(beyondUs));
}

/** This machine's costs, with HTTP and both networks as time that no worker spends. */
async function writeCosts(file: string, meanUs: number, bench: Bench): Promise<void> {
  const { costs, source } = loadCosts('this-machine', bench.context.root);
  const known = costs.wakeNs + costs.startNs;
  const overhead = await overheadNs(meanUs, bench);
  const networkNs = Math.round(Math.max(0, overhead - known) / 2);
  bench.context.note(`costs: ${source}; HTTP beyond that ${(2 * networkNs) / 1000} us`);
  writeFileSync(file, JSON.stringify({ source, costs: { ...costs, networkNs } }));
}

/** Of one class, by its place: with two of equal shares the median of all lies between them. */
function medians(document: CompareDocument, variant: string, load: number, at: number): number[] {
  return document.runs
    .filter((run) => run.variant === variant && run.load === load)
    .map(({ classes }) => classes[at]?.slowdown.p50 ?? Number.NaN);
}

/** Medians of a class live, run by run, over its median in virtual time. */
function ratioOf(
  [onMachine, simulated]: readonly [CompareDocument, CompareDocument],
  label: string,
  place: readonly [variant: string, load: number, at: number],
  { context }: Bench,
): Figure {
  const expected = median(medians(simulated, ...place));
  const measured = medians(onMachine, ...place);
  const text = `${median(measured).toFixed(2)} live, ${expected.toFixed(2)} simulated`;
  context.note(`${label}: median slowdown ${text}`);
  const ratios = measured.map((value) => value / expected);
  return figure(`live_vs_simulated_${label}`, 'ratio', ratios);
}

/** One variant after the other: two workers that spin would leave no core to the rest. */
async function liveRuns(given: object, bench: Bench): Promise<Map<string, CompareDocument>> {
  const documents = new Map<string, CompareDocument>();
  for (const variant of VARIANTS) {
    const experiment = parseExperiment({ ...given, variants: [variant] }, 'agreement');
    documents.set(variant.name, await live(experiment, bench));
  }
  return documents;
}

async function agreementOf(
  one: (typeof WORKLOADS)[number],
  costs: string,
  bench: Bench,
): Promise<Figure[]> {
  const { workload, scale } = one;
  const given = { ...bench.size, workload, scale, loads: LOADS, costs };
  const onMachine = await liveRuns(given, bench);
  const inVirtualTime = parseExperiment(
    { ...given, variants: VARIANTS, engine: 'simulated' },
    'agreement',
  );
  const settings = { folder: bench.context.root };
  const simulated = await compare(
    inVirtualTime,
    (workload) => new SimulatedEngine(inVirtualTime, workload, settings),
    { command: 'npm run bench -- agreement' },
  );
  const names = simulated.runs[0]?.classes.map(({ name }) => name) ?? [];
  return names.flatMap((name, at) =>
    VARIANTS.flatMap((variant) =>
      LOADS.map((load) => {
        const label = [one.label, ...(names.length > 1 ? [name] : []), variant.name, 100 * load];
        const documents = [onMachine.get(variant.name) as CompareDocument, simulated] as const;
        return ratioOf(documents, label.join('_'), [variant.name, load, at], bench);
      }),
    ),
  );
}

/** One worker over HTTP beside the simulator with this machine's costs: median slowdowns. */
export const agreementArea: BenchArea = {
  name: 'agreement',
  summary: 'median slowdown on the live runtime over that in virtual time, by load',
  async run(context) {
    const bench = { context, size: context.quick ? SIZES.quick : SIZES.full };
    const folder = mkdtempSync(join(tmpdir(), 'agreement-'));
    try {
      const costs = join(folder, 'costs.json');
      const figures: Figure[] = [];
      for (const one of WORKLOADS) {
        await writeCosts(costs, one.meanUs, bench);
        figures.push(...(await agreementOf(one, costs, bench)));
      }
      return figures;
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};
