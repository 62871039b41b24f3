/** Presets, workloads of one's own, and traces in and out. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { costModel, drawTrace, loadPolicies, loadWorkload, PRESET_NAMES } from '@sledge/lab';
import { readTrace, runCell } from '@sledge/lab';
import type { Draw } from '@sledge/lab';

const folder = mkdtempSync(path.join(tmpdir(), 'workloads-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  const at = path.join(folder, name);
  writeFileSync(at, text);
  return at;
};

interface Jobs {
  atUs: number[];
  serviceUs: number[];
  classOf: number[];
}

/** What a run sees, through a trace. */
async function jobsOf(source: string, more: Partial<Draw> = {}, options?: object): Promise<Jobs> {
  const workload = await loadWorkload(
    { source, ...(options && { options: { ...options } }) },
    folder,
  );
  const draw = { workload, load: 0.5, workers: 1, requests: 20_000, seed: 1, ...more };
  const { arrivals } = readTrace(file('drawn.csv', drawTrace(draw)));
  if (arrivals.kind !== 'recorded') throw new Error('a trace is recorded');
  const { atUs, serviceUs, classOf } = arrivals;
  return { atUs: [...atUs], serviceUs: [...serviceUs], classOf: [...classOf] };
}

const mean = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b, 0) / values.length;

const ofService = (service: object): string =>
  file(
    'own.json',
    JSON.stringify({
      name: 'own',
      classes: [{ name: 'all', share: 1, service }],
      arrivals: { kind: 'poisson' },
    }),
  );

test('every preset has the mean service time that its source gives', async () => {
  const published: Readonly<Record<string, number>> = {
    'extreme-bimodal': 2.9975,
    'high-bimodal': 50.5,
    tpcc: 19.068,
    rocksdb: 318.25,
    'skyloft-synthetic': 53.98,
    exponential: 10,
    lognormal: 10,
    'resize-cifar': 1048,
    'vision-6': (6 + 11 + 16 + 113 + 326 + 2060) / 6,
  };
  for (const [name, us] of Object.entries(published)) {
    expect(PRESET_NAMES).toContain(name);
    const { serviceUs } = await jobsOf(name);
    expect(Math.abs(mean(serviceUs) / us - 1)).toBeLessThan(
      name === 'skyloft-synthetic' ? 0.2 : 0.1,
    );
  }
});

test.each([
  ['deterministic', { us: 10 }, 10],
  ['exponential', { meanUs: 10 }, 10],
  ['lognormal', { meanUs: 10, sigma: 0.5 }, 10],
  ['bimodal', { shortUs: 1, longUs: 100, longShare: 0.1 }, 10.9],
  ['bounded-pareto', { alpha: 1.5, leastUs: 1, largestUs: 1000 }, 2.9979],
  [
    'empirical',
    {
      points: [
        [0, 0],
        [10, 0.5],
        [30, 1],
      ],
    },
    12.5,
  ],
] as const)('service times that are %s come from a file', async (shape, values, meanUs) => {
  const { serviceUs } = await jobsOf(ofService({ shape, ...values }));
  expect(Math.abs(mean(serviceUs) / meanUs - 1)).toBeLessThan(0.05);
});

test('bursts come in the shares that were asked for, at the same load', async () => {
  const options = { burst: 10, burstUs: 1000, calmUs: 9000 };
  const requests = 60_000;
  const [bursty, even] = [
    await jobsOf('deterministic', { requests }, options),
    await jobsOf('deterministic', { requests }),
  ];
  const dispersion = ({ atUs }: Jobs): number => {
    const counts = new Map<number, number>();
    for (const at of atUs)
      counts.set(Math.floor(at / 1000), (counts.get(Math.floor(at / 1000)) ?? 0) + 1);
    const all = Array.from(
      { length: Math.floor((atUs.at(-1) ?? 0) / 1000) },
      (_, at) => counts.get(at) ?? 0,
    );
    return mean(all.map((count) => (count - mean(all)) ** 2)) / mean(all);
  };
  expect(Math.abs((bursty.atUs.at(-1) ?? 0) / (even.atUs.at(-1) ?? 1) - 1)).toBeLessThan(0.3);
  expect(dispersion(even)).toBeCloseTo(1, 0);
  expect(dispersion(bursty)).toBeGreaterThan(10);
});

test('a run of its own saved arrivals is the run itself', async () => {
  const workload = await loadWorkload({ source: 'tpcc' }, folder);
  const costs = costModel('ideal')?.costs;
  if (costs === undefined) throw new Error('there are ideal costs');
  const policies = loadPolicies({ dispatcher: 'jsq', scheduler: 'edf' }, folder);
  const cell = { workload, ...policies, costs, load: 0.7, workers: 4, requests: 20_000, seed: 3 };
  const again = readTrace(file('saved.csv', drawTrace(cell)));
  const first = runCell(cell)?.result;
  const second = runCell({ ...cell, workload: again, load: undefined })?.result;
  expect(second?.sojournUs).toEqual(first?.sojournUs);
  expect(second?.missRate).toBe(first?.missRate);
});

test("the columns of both of Azure's traces are read", () => {
  const of2021 = 'app,func,end_timestamp,duration\na,f,10.5,0.5\na,g,11,0.25\na,f,12,1\n';
  const { classes, arrivals } = readTrace(file('2021.csv', of2021));
  expect(classes.map(({ name }) => name)).toEqual(['f', 'g']);
  expect(arrivals).toMatchObject({
    atUs: [0, 750_000, 1_000_000],
    serviceUs: [500_000, 250_000, 1_000_000],
    classOf: [0, 1, 0],
  });
  const of2019 = 'HashOwner,HashApp,HashFunction,Trigger,1,2\no,a,f,http,2,0\no,a,g,timer,0,1\n';
  const spread = readTrace(file('2019.csv', of2019), 50).arrivals;
  expect(spread).toMatchObject({
    atUs: [0, 30_000_000, 75_000_000],
    serviceUs: [50, 50, 50],
    classOf: [0, 0, 1],
  });
});

test.each([
  ['x.csv', 'a,b\n1,2\n', /none of the known sets of columns/],
  ['y.csv', 'arrival_us,class\n-1,a\n', /row 1 has a time that is none/],
  ['z.json', '{"name":"x"}', /classes/],
])('%s that is none is refused with its reason', async (name, text, reason) => {
  await expect(loadWorkload({ source: file(name, text) }, folder)).rejects.toThrow(reason);
});
