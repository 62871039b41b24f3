import { costModel, loadPolicies, loadWorkload, runCell, runCells } from '@sledge/lab';
import type { Cell, PolicyChoices } from '@sledge/lab';

const REQUESTS = 120_000;
const FIFO: PolicyChoices = { dispatcher: 'global-queue', scheduler: 'fifo' };

async function cell(name: string, load: number, more: Partial<Cell> = {}): Promise<Cell> {
  const costs = costModel('ideal')?.costs;
  if (costs === undefined) throw new Error('there are ideal costs');
  const workload = await loadWorkload({ source: name }, __dirname);
  const base = { workload, workers: 1, load, requests: REQUESTS, seed: 1, costs };
  return { ...base, ...loadPolicies(FIFO, __dirname), ...more };
}

test("Little's law holds in every run", async () => {
  for (const name of ['exponential', 'high-bimodal', 'tpcc']) {
    const { little } = runCell(await cell(name, 0.8, { workers: 4 }))?.result ?? {};
    expect(little?.inSystem).toBe(little?.rateTimesSojourn);
  }
});

test('the same cells give the same bytes with any number of threads', async () => {
  const cells = await Promise.all([0.3, 0.5, 0.7].map((load) => cell('lognormal', load)));
  const [one, three] = [
    await runCells(cells, { threads: 1 }),
    await runCells(cells, { threads: 3 }),
  ];
  expect(JSON.stringify(three)).toBe(JSON.stringify(one));
});

test('a cell that makes no sense is refused with its reason', async () => {
  const one = await cell('exponential', 0.5);
  expect(() => runCell({ ...one, workers: 0 })).toThrow(/workers is 0/);
  await expect(loadWorkload({ source: 'exponentail' }, __dirname)).rejects.toThrow(/exponential/);
});

test('a mean that cannot be known exactly is refused, not approximated', async () => {
  const options = { meanUs: 20 };
  const pareto = loadWorkload({ source: 'bounded-pareto', options }, __dirname);
  await expect(pareto).rejects.toThrow(/meanUs cannot scale a bounded-pareto/);
  const { classes } = await loadWorkload({ source: 'high-bimodal', options }, __dirname);
  const mean = classes.reduce((sum, { service }) => {
    return sum + (service.shape === 'deterministic' ? service.us / 2 : NaN);
  }, 0);
  expect(mean).toBeCloseTo(20, 9);
});

test('classes belong to tenants, whose budgets hold in the lab too', async () => {
  const service = { shape: 'deterministic', us: 100 } as const;
  const workload = {
    name: 'flood',
    arrivals: { kind: 'poisson' },
    tenants: [{ name: 'promised', budgetUs: 4000, periodUs: 10_000 }],
    classes: [
      { name: 'own', share: 1, tenant: 'promised', service, deadline: { us: 4000 } },
      { name: 'flood', share: 7, tenant: 'other', service, deadline: { us: 2000 } },
    ],
  } as const;
  const missed = async (scheduler: string) => {
    const choices = { dispatcher: ['jsq', { interrupts: true }], scheduler } as const;
    const one = await cell('exponential', 1.5, { requests: 20_000, workload });
    const { result } = runCell({ ...one, ...loadPolicies(choices, __dirname) }) ?? {};
    return result?.classes[0]?.missRate ?? NaN;
  };
  expect(await missed('mtds')).toBe(0);
  expect(await missed('edf')).toBeGreaterThan(0.5);
});

test('policies that need preemption have it from the simulated machine', async () => {
  const by = (dispatcher: string, scheduler: PolicyChoices['scheduler']) =>
    loadPolicies({ dispatcher, scheduler }, __dirname);
  const few = { workers: 4, requests: 20_000 };
  for (const policies of [
    by('edf-interrupt', 'edf'),
    by('shinjuku', 'fifo'),
    by('global-queue', ['fifo', { quantumUs: 5 }]),
  ]) {
    const one = await cell('high-bimodal', 0.7, { ...few, ...policies });
    expect(runCell(one)?.result.preemptions).toBeGreaterThan(0);
  }
});
