/** The dispatch core in virtual time against queueing theory, at several loads and seeds. */
import {
  costModel,
  loadPolicies,
  loadWorkload,
  meanInterval,
  relativeHalfWidth,
  runCell,
} from '@sledge/lab';
import type { Cell, CellResult, PolicyChoices } from '@sledge/lab';

const LONG = process.env.SLEDGE_TEST_LONG === '1';
const SEEDS = LONG ? 30 : 10;
const LOADS = LONG ? [0.5, 0.7, 0.8] : [0.7];
const REQUESTS_FIRST = LONG ? 400_000 : 60_000;
const REQUESTS_MAX = 32_000_000;
/** Narrow enough to tell a wrong formula from a right one. */
const HALF_WIDTH_MAX = 0.02;
/** Of processor sharing by quanta of a hundredth of the mean. */
const INSENSITIVE = 0.03;

const FIFO: PolicyChoices = { dispatcher: 'global-queue', scheduler: 'fifo' };
const SHARING: PolicyChoices = { dispatcher: 'rr', scheduler: ['fifo', { quantumUs: 0.1 }] };
const SRPT: PolicyChoices = {
  dispatcher: ['rr', { interrupts: true }],
  scheduler: 'sjf',
  estimator: 'oracle',
};

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

async function cell(
  source: string,
  load: number,
  policies: PolicyChoices,
  workers = 1,
): Promise<Cell> {
  const costs = costModel('ideal')?.costs;
  if (costs === undefined) throw new Error('there are ideal costs');
  const workload = await loadWorkload({ source }, __dirname);
  const base = { workload, workers, load, requests: REQUESTS_FIRST, seed: 1, costs };
  return { ...base, ...loadPolicies(policies, __dirname) };
}

interface Replications {
  results: CellResult[];
  sojournUs: { low: number; high: number };
}

/** As many requests as make the interval of the mean narrow enough. */
function replicate(one: Cell, halfWidthMax = HALF_WIDTH_MAX): Replications {
  for (let { requests } = one; ; requests *= 2) {
    const results = Array.from({ length: SEEDS }, (_, at) => {
      const run = runCell({ ...one, requests, seed: at + 1 });
      if (run === undefined) throw new Error('the run was given up');
      return run.result;
    });
    const interval = meanInterval(
      results.map(({ sojournUs }) => sojournUs.mean),
      0.99,
    );
    const half = relativeHalfWidth(interval);
    if (half > halfWidthMax && requests < REQUESTS_MAX) continue;
    const what = `${one.workload.name}, ${one.workers} workers, load ${one.load}`;
    const found = `mean ${mean([interval.low, interval.high]).toFixed(2)} us`;
    console.log(`${what}: ${requests} requests, ${found} ± ${(100 * half).toFixed(2)} %`);
    expect(half).toBeLessThanOrEqual(halfWidthMax);
    return { results, sojournUs: interval };
  }
}

function expectMean({ sojournUs }: Replications, expectedUs: number): void {
  expect(sojournUs.low).toBeLessThanOrEqual(expectedUs);
  expect(sojournUs.high).toBeGreaterThanOrEqual(expectedUs);
}

/** That an arrival waits, with `servers` and so much offered work (Erlang's C). */
function erlangC(servers: number, load: number): number {
  const offered = servers * load;
  let term = 1;
  let sum = 0;
  for (let k = 0; k < servers; k += 1) {
    sum += term;
    term *= offered / (k + 1);
  }
  return term / (1 - load) / (sum + term / (1 - load));
}

/** Pollaczek and Khinchine: mean sojourn time in M/G/1, first come, first served. */
const pollaczekKhinchine = (meanUs: number, secondMoment: number, load: number) =>
  meanUs + ((load / meanUs) * secondMoment) / (2 * (1 - load));

/**
 * Mean sojourn time of M/M/1 under preemptive shortest remaining time (Schrage and Miller 1966), by
 * the trapezoidal rule.
 */
function shortestRemaining(meanUs: number, load: number): number {
  const rate = load / meanUs;
  const step = meanUs / 2000;
  let below = 0; // work of shorter ones: the load, and the second moment
  let belowSecond = 0;
  let residence = 0;
  let sojourn = 0;
  for (let x = step / 2; x < 40 * meanUs; x += step) {
    const density = Math.exp(-x / meanUs) / meanUs;
    const halfLoad = (rate * x * density * step) / 2;
    below += halfLoad;
    belowSecond += (rate * x * x * density * step) / 2;
    residence += step / (1 - below) / 2;
    const longer = rate * x * x * Math.exp(-x / meanUs);
    sojourn += density * step * ((belowSecond + longer) / (2 * (1 - below) ** 2) + residence);
    below += halfLoad;
    belowSecond += (rate * x * x * density * step) / 2;
    residence += step / (1 - below) / 2;
  }
  return sojourn;
}

console.log(`theory: ${SEEDS} seeds at loads ${LOADS.join(', ')}${LONG ? '' : ' (reduced)'}`);

describe.each(LOADS)('at load %d', (load) => {
  test('M/M/1: sojourn time, queue length and utilisation', async () => {
    const runs = replicate(await cell('exponential', load, FIFO));
    expectMean(runs, 10 / (1 - load));
    const waiting = mean(runs.results.map((result) => result.waiting));
    expect(waiting / (load ** 2 / (1 - load))).toBeCloseTo(1, 1);
    expect(mean(runs.results.map((result) => result.utilisation))).toBeCloseTo(load, 2);
  });

  test('M/M/4: sojourn time and queue length', async () => {
    const runs = replicate(await cell('exponential', load, FIFO, 4));
    const waits = erlangC(4, load);
    expectMean(runs, 10 + (waits * 10) / (4 * (1 - load)));
    const waiting = mean(runs.results.map((result) => result.waiting));
    expect(waiting / ((waits * load) / (1 - load))).toBeCloseTo(1, 1);
  });

  test.each([
    ['deterministic', 10, 100],
    ['lognormal', 10, 100 * Math.E],
    ['high-bimodal', 50.5, 5000.5],
    ...(LONG ? ([['tpcc', 25.108, 0.44 * 32.49 + 1.44 + 176 + 309.76 + 400]] as const) : []),
  ] as const)('M/G/1 of %s: Pollaczek and Khinchine', async (name, meanUs, secondMoment) => {
    const one = await cell(name, load, FIFO);
    const exactUs = name === 'tpcc' ? 0.44 * 5.7 + 0.24 + 8.8 + 3.52 + 4 : meanUs;
    expectMean(replicate(one), pollaczekKhinchine(exactUs, secondMoment, load));
  });

  test('processor sharing does not see how service times are spread', async () => {
    for (const name of LONG ? ['exponential', 'lognormal'] : ['lognormal']) {
      const { results } = replicate(await cell(name, load, SHARING), INSENSITIVE);
      const sojourn = mean(results.map(({ sojournUs }) => sojournUs.mean));
      expect(Math.abs((sojourn * (1 - load)) / 10 - 1)).toBeLessThan(INSENSITIVE);
    }
  });

  test('preemptive shortest remaining time: the mean of M/M/1', async () => {
    expectMean(replicate(await cell('exponential', load, SRPT)), shortestRemaining(10, load));
  });
});
