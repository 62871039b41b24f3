import { costModel, loadPolicies, runCells } from '@sledge/lab';
import type { Cell, PolicyChoices } from '@sledge/lab';
import type { BenchContext } from '../area';
import { figure, median } from '../figure';
import type { Figure } from '../figure';

/** As in native/bench/slowdown_bench.cpp. */
const MIXES = { '99_5': 0.005, '50_50': 0.5 };
const POLICIES: Readonly<Record<string, PolicyChoices>> = {
  fifo: { dispatcher: 'global-queue', scheduler: 'fifo' },
  quantum: { dispatcher: 'rr', scheduler: ['fifo', { quantumUs: 50 }] },
  edf: { dispatcher: 'edf-interrupt', scheduler: 'edf' },
};
const LOADS = [50, 70, 85];
const VIRTUAL_SEEDS = 5;
const VIRTUAL_REQUESTS = { full: 1_000_000, quick: 200_000 };

/** The short class at one load, by name of its row, with one cell per seed. */
function virtualCells(root: string, requests: number): Map<string, Cell[]> {
  const ideal = costModel('ideal');
  if (ideal === undefined) throw new Error('the lab has no ideal costs');
  const cells = new Map<string, Cell[]>();
  for (const [mix, longShare] of Object.entries(MIXES)) {
    const requestClass = (name: string, us: number, share: number, group: number) => ({
      name,
      share,
      service: { shape: 'deterministic', us } as const,
      deadline: { us: 10 * us },
      group,
    });
    const classes = [
      requestClass('short', 5, 1 - longShare, 0),
      requestClass('long', 500, longShare, 1),
    ];
    for (const [policy, choices] of Object.entries(POLICIES)) {
      const common = {
        workload: { name: mix, classes, arrivals: { kind: 'poisson' as const } },
        ...loadPolicies(choices, root),
        workers: 1,
        requests,
        costs: ideal.costs,
      };
      for (const load of LOADS) {
        const seeds = Array.from({ length: VIRTUAL_SEEDS }, (_, at) => at + 1);
        cells.set(
          `virtual_short_p99_${mix}_${policy}_${load}`,
          seeds.map((seed) => ({ ...common, load: load / 100, seed })),
        );
      }
    }
  }
  return cells;
}

/** The same in virtual time, where mechanisms cost nothing: what the machine adds is beyond it. */
export async function slowdownInVirtualTime(context: BenchContext): Promise<Figure[]> {
  const requests = context.quick ? VIRTUAL_REQUESTS.quick : VIRTUAL_REQUESTS.full;
  const figures: Figure[] = [];
  for (const [name, cells] of virtualCells(context.root, requests)) {
    const results = await runCells(cells, {});
    const p99s = (at: number) =>
      results.map(({ result }) => result.classes[at]?.slowdown.p99 ?? Number.NaN);
    context.note(`${name}: ${requests} requests, long class p99 ${median(p99s(1)).toFixed(1)}`);
    figures.push(figure(name, 'ratio', p99s(0)));
  }
  return figures;
}
