import { costModel, loadPolicies, loadWorkload, runCells } from '@sledge/lab';
import type { Cell, PolicyChoices } from '@sledge/lab';
import type { BenchContext } from '../area';
import { figure } from '../figure';
import type { Figure } from '../figure';

const WORKERS = 1024;
const LOAD = 0.8;
const REQUESTS = { full: 10_000_000, quick: 1_000_000 };
/** What the memory of the full count is set beside. */
const FEW_SHARE = 0.1;
const THREADS = 2;
const SAMPLE_MS = 50;
const MIB = 2 ** 20;

const POLICIES: readonly PolicyChoices[] = [
  { dispatcher: 'global-queue', scheduler: 'fifo' },
  { dispatcher: 'jsq', scheduler: 'edf' },
  { dispatcher: 'edf-interrupt', scheduler: 'edf' },
  { dispatcher: 'shinjuku', scheduler: 'fifo' },
];

async function cellsOf(root: string, requests: number): Promise<Cell[]> {
  const ideal = costModel('ideal');
  if (ideal === undefined) throw new Error('the lab has no ideal costs');
  const workload = await loadWorkload({ source: 'high-bimodal' }, root);
  const common = { workload, workers: WORKERS, load: LOAD, requests, seed: 1, costs: ideal.costs };
  return POLICIES.map((choices) => ({ ...common, ...loadPolicies(choices, root) }));
}

/** How long the cells take, and the most that the process had resident meanwhile. */
async function measured(cells: readonly Cell[]): Promise<{ seconds: number; peakMib: number }> {
  let peakMib = 0;
  const look = () => (peakMib = Math.max(peakMib, process.memoryUsage.rss() / MIB));
  const timer = setInterval(look, SAMPLE_MS);
  const began = performance.now();
  try {
    await runCells(cells, { threads: THREADS });
  } finally {
    clearInterval(timer);
  }
  look();
  return { seconds: (performance.now() - began) / 1e3, peakMib };
}

/** 1024 workers under four policies on two threads: time, and memory beside a tenth of the run. */
export async function simulationAtScale(context: BenchContext): Promise<Figure[]> {
  const requests = context.quick ? REQUESTS.quick : REQUESTS.full;
  const few = await measured(await cellsOf(context.root, requests * FEW_SHARE));
  const all = await measured(await cellsOf(context.root, requests));
  const size = `${WORKERS} workers, ${requests} requests, ${POLICIES.length} policies`;
  context.note(`${size}: resident ${all.peakMib.toFixed(0)} MiB at most`);
  return [
    figure('scale_seconds', 's', [all.seconds]),
    figure('scale_rss', 'MiB', [all.peakMib]),
    figure('scale_rss_vs_tenth', 'ratio', [all.peakMib / few.peakMib]),
  ];
}
