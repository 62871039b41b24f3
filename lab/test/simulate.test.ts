import {
  costModel,
  loadPolicies,
  loadWorkload,
  meanInterval,
  runCell,
  runCells,
} from '@sledge/lab';
import type { Cell, PolicyChoices } from '@sledge/lab';

const LONG = process.env.SLEDGE_TEST_LONG === '1';
const SEEDS = LONG ? 30 : 4;
const REQUESTS = LONG ? 400_000 : 60_000;
const FIFO: PolicyChoices = { dispatcher: 'global-queue', scheduler: 'fifo' };

async function cell(name: string, load: number, more: Partial<Cell> = {}): Promise<Cell> {
  const costs = costModel('ideal')?.costs;
  if (costs === undefined) throw new Error('there are ideal costs');
  const workload = await loadWorkload({ source: name }, __dirname);
  const base = { workload, workers: 1, load, requests: REQUESTS, seed: 1, costs };
  return { ...base, ...loadPolicies(FIFO, __dirname), ...more };
}

function sojournOverSeeds(one: Cell) {
  const means = Array.from({ length: SEEDS }, (_, at) => {
    const run = runCell({ ...one, seed: at + 1 })?.result;
    return run?.sojournUs.mean ?? NaN;
  });
  return meanInterval(means, 0.99);
}

console.log(`theory: ${SEEDS} seeds of ${REQUESTS} requests${LONG ? '' : ' (reduced)'}`);

test('the mean sojourn time of M/M/1 is that of the formula, and the load is the utilisation', async () => {
  const one = await cell('exponential', 0.7);
  const { low, high } = sojournOverSeeds(one);
  expect(low).toBeLessThan(10 / 0.3);
  expect(high).toBeGreaterThan(10 / 0.3);
  expect(runCell(one)?.result.utilisation).toBeCloseTo(0.7, 1);
});

test('the mean sojourn time of M/D/1 is that of Pollaczek and Khinchine', async () => {
  const { low, high } = sojournOverSeeds(await cell('deterministic', 0.7));
  const expected = 10 + (0.7 * 10) / (2 * 0.3);
  expect(low).toBeLessThan(expected);
  expect(high).toBeGreaterThan(expected);
});

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
