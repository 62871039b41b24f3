import { costModel, loadPolicies, loadWorkload, runCell } from '@sledge/lab';
import type { Cell, PolicyChoices } from '@sledge/lab';
import type { BenchArea, BenchContext } from '../area';
import { figure, median } from '../figure';
import type { Figure } from '../figure';
import { interleave } from '../rounds';
import { simulationAtScale } from './sim-scale';

interface Row {
  readonly name: string;
  readonly workload: string;
  readonly policies: PolicyChoices;
  readonly workers: number;
  readonly load: number;
  readonly requests: number;
}

const EDF_INTERRUPT_IN_TYPESCRIPT = './plugins/dispatch-edf-interrupt/src/policy.ts';
const ONE_WORKER = { workload: 'exponential', workers: 1, load: 0.7 };
const EIGHT_WORKERS = { workload: 'high-bimodal', workers: 8, load: 0.8 };
const REQUESTS = { native: 2_000_000, typescript: 500_000 };
const QUICK_SHARE = 0.25;

/** Each with the scheduler that it is for. */
const DISPATCHERS: readonly (readonly [string, PolicyChoices])[] = [
  ['global_queue', { dispatcher: 'global-queue', scheduler: 'fifo' }],
  ['rr', { dispatcher: 'rr', scheduler: 'edf' }],
  ['jsq', { dispatcher: 'jsq', scheduler: 'edf' }],
  ['lld', { dispatcher: 'lld', scheduler: 'edf', estimator: 'percentile' }],
  ['edf_interrupt', { dispatcher: 'edf-interrupt', scheduler: 'edf' }],
  ['shinjuku', { dispatcher: 'shinjuku', scheduler: 'fifo' }],
  ['darc', { dispatcher: 'darc', scheduler: 'fifo' }],
];

const ROWS: readonly Row[] = [
  {
    name: 'requests_per_second_native',
    ...ONE_WORKER,
    policies: { dispatcher: 'global-queue', scheduler: 'fifo' },
    requests: REQUESTS.native,
  },
  {
    name: 'requests_per_second_typescript',
    ...ONE_WORKER,
    policies: { dispatcher: EDF_INTERRUPT_IN_TYPESCRIPT, scheduler: 'edf' },
    requests: REQUESTS.typescript,
  },
  ...DISPATCHERS.map(([name, policies]) => ({
    name: `requests_per_second_${name}_w8`,
    ...EIGHT_WORKERS,
    policies,
    requests: REQUESTS.native / 2,
  })),
];

async function cellOf(row: Row, { root, quick }: BenchContext): Promise<Cell> {
  const ideal = costModel('ideal');
  if (ideal === undefined) throw new Error('the lab has no ideal costs');
  const { workload, policies, workers, load } = row;
  return {
    workload: await loadWorkload({ source: workload }, root),
    ...loadPolicies(policies, root),
    workers,
    load,
    requests: row.requests * (quick ? QUICK_SHARE : 1),
    seed: 1,
    costs: ideal.costs,
  };
}

interface Speed {
  readonly perSecond: number;
  /** Of CPU time of the process: what it would be if the core were not shared. */
  readonly perCpuSecond: number;
}

function speedOf(cell: Cell): Speed {
  const cpu = process.cpuUsage();
  const began = performance.now();
  runCell(cell);
  const seconds = (performance.now() - began) / 1e3;
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: cell.requests / seconds,
    perCpuSecond: cell.requests / ((user + system) / 1e6),
  };
}

/** The simulator on one thread: requests simulated per second, from arrival to last byte. */
export const simArea: BenchArea = {
  name: 'sim',
  summary: 'requests simulated per second on one core, by policy; time and memory at scale',
  async run(context) {
    const perCpuSecond = new Map<string, number[]>();
    const variants = await Promise.all(
      ROWS.map(async (row) => {
        const cell = await cellOf(row, context);
        const kept: number[] = [];
        perCpuSecond.set(row.name, kept);
        const sample = async (): Promise<number> => {
          const speed = speedOf(cell);
          kept.push(speed.perCpuSecond);
          return speed.perSecond;
        };
        return { name: row.name, sample };
      }),
    );
    const samples = await interleave(variants, context.quick ? 5 : 15);
    const figures: Figure[] = ROWS.map(({ name }) => {
      const ofCpu = median(perCpuSecond.get(name) ?? []);
      context.note(`${name}: ${(ofCpu / 1e6).toFixed(2)} M per second of CPU time`);
      return figure(name, '1/s', samples[name] ?? []);
    });
    return [...figures, ...(await simulationAtScale(context))];
  },
};
