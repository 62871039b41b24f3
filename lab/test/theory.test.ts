/** The dispatch core in virtual time against queueing theory, at several loads and seeds. */
import {
  costModel,
  loadPolicies,
  loadWorkload,
  meanInterval,
  relativeHalfWidth,
  runCells,
} from '@sledge/lab';
import type { Cell, CellResult, PolicyChoices } from '@sledge/lab';

const LONG = process.env.SLEDGE_TEST_LONG === '1';
const SEEDS = LONG ? 30 : 10;
const LOADS = LONG ? [0.5, 0.7, 0.8] : [0.7];
const REQUESTS_FIRST = LONG ? 400_000 : 60_000;
const REQUESTS_MAX = 32_000_000;
/** One interval in a hundred misses what it is of; a wrong formula is missed by longer runs too. */
const DOUBLINGS = 3;
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

jest.setTimeout(LONG ? 2 * 3_600_000 : 300_000);

/** What formulas say: mean sojourn time, us, and mean numbers of requests. */
interface Expected {
  sojournUs: number;
  inSystem?: number;
  waiting?: number;
}

/** One run for each seed. Little's law holds in each. */
async function replicate(one: Cell, requests: number): Promise<CellResult[]> {
  const cells = Array.from({ length: SEEDS }, (_, at) => ({ ...one, requests, seed: at + 1 }));
  const results = (await runCells(cells)).map(({ result }) => result);
  for (const { little } of results) {
    expect(Math.abs(little.inSystem / little.rateTimesSojourn - 1)).toBeLessThan(1e-9);
  }
  return results;
}

/**
 * As many requests as make the intervals of mean sojourn time and number of requests narrow enough;
 * they, and those of the other figures, hold what is expected.
 */
async function expectTheory(one: Cell, expected: Expected, halfWidthMax = HALF_WIDTH_MAX) {
  let misses = 0;
  for (let { requests } = one; ; requests *= 2) {
    const results = await replicate(one, requests);
    const interval = (of: (result: CellResult) => number) => meanInterval(results.map(of), 0.99);
    const sojourn = interval(({ sojournUs }) => sojournUs.mean);
    const number = interval(({ inSystem }) => inSystem);
    const half = Math.max(relativeHalfWidth(sojourn), relativeHalfWidth(number));
    if (half > halfWidthMax && requests < REQUESTS_MAX) continue;
    const off = [
      [expected.sojournUs, sojourn] as const,
      [one.load ?? 0, interval(({ utilisation }) => utilisation)] as const,
      [expected.inSystem, number] as const,
      [expected.waiting, interval(({ waiting }) => waiting)] as const,
    ].filter(([value, { low, high }]) => value !== undefined && (value < low || value > high));
    const what = `${one.workload.name}, ${one.workers} workers, load ${one.load}`;
    const found = `mean ${mean([sojourn.low, sojourn.high]).toFixed(2)} us`;
    const formula = `formula ${expected.sojournUs.toFixed(2)}`;
    console.log(
      `${what}: ${requests} requests, ${found} ± ${(100 * half).toFixed(2)} %, ${formula}`,
    );
    if (off.length > 0 && (misses += 1) <= DOUBLINGS && requests < REQUESTS_MAX) continue;
    expect(half).toBeLessThanOrEqual(halfWidthMax);
    expect(off).toEqual([]);
    return;
  }
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
    await expectTheory(await cell('exponential', load, FIFO), {
      sojournUs: 10 / (1 - load),
      inSystem: load / (1 - load),
      waiting: load ** 2 / (1 - load),
    });
  });

  test.each(LONG ? [2, 4, 16] : [4])('M/M/%d: sojourn time and queue length', async (servers) => {
    const waits = erlangC(servers, load);
    const waiting = (waits * load) / (1 - load);
    await expectTheory(await cell('exponential', load, FIFO, servers), {
      sojournUs: 10 + (waits * 10) / (servers * (1 - load)),
      inSystem: waiting + servers * load,
      waiting,
    });
  });

  test.each([
    ['deterministic', 10, 100],
    ['lognormal', 10, 100 * Math.E],
    ['high-bimodal', 50.5, 5000.5],
    ...(LONG
      ? ([
          ['extreme-bimodal', 2.9975, 0.995 * 0.25 + 0.005 * 250_000],
          ['rocksdb', 318.25, (1.5 ** 2 + 635 ** 2) / 2],
          ['tpcc', 19.068, 0.44 * 32.49 + 1.44 + 176 + 309.76 + 400],
        ] as const)
      : []),
  ] as const)('M/G/1 of %s: Pollaczek and Khinchine', async (name, meanUs, secondMoment) => {
    const sojournUs = pollaczekKhinchine(meanUs, secondMoment, load);
    const inSystem = (load / meanUs) * sojournUs;
    const waiting = inSystem - load;
    await expectTheory(await cell(name, load, FIFO), { sojournUs, inSystem, waiting });
  });

  test('processor sharing does not see how service times are spread', async () => {
    for (const name of LONG ? ['exponential', 'deterministic', 'lognormal'] : ['lognormal']) {
      const one = await cell(name, load, SHARING);
      for (let { requests } = one; ; requests *= 2) {
        const results = await replicate(one, requests);
        const sojourn = meanInterval(
          results.map(({ sojournUs }) => sojournUs.mean),
          0.99,
        );
        if (relativeHalfWidth(sojourn) > INSENSITIVE && requests < REQUESTS_MAX) continue;
        const relative = (mean([sojourn.low, sojourn.high]) * (1 - load)) / 10;
        console.log(`sharing of ${name}, load ${load}: ${relative.toFixed(4)} of the formula`);
        expect(Math.abs(relative - 1)).toBeLessThan(INSENSITIVE);
        break;
      }
    }
  });

  test('preemptive shortest remaining time: the mean of M/M/1', async () => {
    const sojournUs = shortestRemaining(10, load);
    await expectTheory(await cell('exponential', load, SRPT), { sojournUs });
  });
});
