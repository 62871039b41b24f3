/** Clusters in virtual time: placements against mean-field theory, and what losses cost. */
import { definePlugin, z } from '@sledge/core';
import type { Nodes, Placement, PlacementDecision, WorkloadSpec } from '@sledge/core';
import { compare, costModel, loadPlacement, loadPolicies, meanInterval } from '@sledge/lab';
import { parseExperiment, runCell, runCells, SimulatedEngine } from '@sledge/lab';
import type { Cell, CellResult, ClusterSpec, PlacementForm } from '@sledge/lab';

const LONG = process.env.SLEDGE_TEST_LONG === '1';
const NODES = LONG ? 500 : 100;
const REQUESTS = LONG ? 2_000_000 : 80_000;
const SEEDS = LONG ? 4 : 1;
const LOADS = LONG ? [0.5, 0.7, 0.9] : [0.7];
/** Relative: chance, and that there are not infinitely many nodes. */
const TOLERANCE = LONG ? 0.01 : 0.04;
if (!LONG) console.log(`${NODES} of 500 nodes, load 0.7 of 0.5, 0.7 and 0.9; the long run has all`);

jest.setTimeout(LONG ? 3_600_000 : 300_000);

const MEAN_US = 1000;
const EXPONENTIAL: WorkloadSpec = {
  name: 'exponential',
  classes: [{ name: 'f', share: 1, service: { shape: 'exponential', meanUs: MEAN_US } }],
  arrivals: { kind: 'poisson' },
};

function cellOf(cluster: ClusterSpec, more: Partial<Cell> = {}): Cell {
  const costs = costModel('ideal')?.costs;
  if (costs === undefined) throw new Error('there are ideal costs');
  const policies = loadPolicies({ dispatcher: 'global-queue', scheduler: 'fifo' }, __dirname);
  const base = { workload: EXPONENTIAL, workers: cluster.nodes, load: 0.7, requests: REQUESTS };
  return { ...base, ...policies, costs, seed: 1, cluster, ...more };
}

function run(cluster: ClusterSpec, more: Partial<Cell> = {}): CellResult {
  const full = runCell(cellOf(cluster, more));
  if (full === undefined) throw new Error('nobody ended it');
  return full.result;
}

/** A placement of a test. */
function placing(place: (nodes: Nodes) => PlacementDecision): PlacementForm {
  const options = z.strictObject({});
  const create = (): Placement => ({
    place: ({ hops }, nodes) => (hops > 0 ? 'local' : place(nodes)),
  });
  const kind = 'placement' as const;
  const source = definePlugin({ name: 'of-the-test', kind, apiVersion: 1, options, create });
  return { name: 'of-the-test', source, options: {} };
}

const atRandom = placing((nodes) => {
  const node = Math.floor(nodes.random() * (nodes.length + 1));
  return node === nodes.length ? 'local' : node;
});
const toFirstPeer = placing(() => 0);
const powerOfTwo = () => loadPlacement('power-of-two', __dirname);
const localFirst = (options = {}) => loadPlacement(['local-first', options], __dirname);

/** Means over the seeds of the mean sojourn time, in mean service times, and of the occupancy. */
function measured(cluster: ClusterSpec, load: number): { sojourn: number; occupancy: number[] } {
  const results = Array.from({ length: SEEDS }, (_, at) => run(cluster, { load, seed: at + 1 }));
  const mean = (of: (result: CellResult) => number) =>
    results.reduce((sum, result) => sum + of(result), 0) / results.length;
  const sojourn = mean(({ sojournUs }) => sojournUs.mean / MEAN_US);
  const least = [0, 1, 2, 3, 4];
  const occupancy = least.map((count) => mean((result) => result.cluster?.occupancy[count] ?? 0));
  if (SEEDS > 1) {
    const { low, high } = meanInterval(
      results.map(({ sojournUs }) => sojournUs.mean),
      0.99,
    );
    console.log(`load ${load}: ${low / MEAN_US} to ${high / MEAN_US} mean service times`);
  }
  return { sojourn, occupancy };
}

function expectNear(found: number, expected: number, tolerance = TOLERANCE): void {
  expect(Math.abs(found / expected - 1)).toBeLessThan(tolerance);
}

describe.each(LOADS)('exponential service at load %d on many nodes without a network', (load) => {
  test('two choices give the fixed point of Vvedenskaya and Mitzenmacher', () => {
    const { sojourn, occupancy } = measured({ nodes: NODES, placement: powerOfTwo() }, load);
    // a share load^(2^i - 1) of the nodes has at least i requests
    for (const i of [1, 2, 3]) expectNear(occupancy[i] ?? 0, load ** (2 ** i - 1), i * TOLERANCE);
    const shares = Array.from({ length: 12 }, (_, i) => load ** (2 ** (i + 1) - 2));
    expectNear(
      sojourn,
      shares.reduce((sum, share) => sum + share, 0),
    );
  });

  test('a node at random gives M/M/1, far from two choices', () => {
    const { sojourn, occupancy } = measured({ nodes: NODES, placement: atRandom }, load);
    for (const i of [1, 2, 3]) expectNear(occupancy[i] ?? 0, load ** i, i * TOLERANCE);
    expectNear(sojourn, 1 / (1 - load), 2 * TOLERANCE);
  });
});

test('loads reported late make two choices worse, and very late ones worse than none', () => {
  const sojourn = (reportUs: number, placement = powerOfTwo()) =>
    run({ nodes: 20, placement, reportUs }, { requests: 40_000, load: 0.8 }).sojournUs.mean;
  const alone = run({ nodes: 20 }, { requests: 40_000, load: 0.8 }).sojournUs.mean;
  const [fresh, late, veryLate] = [sojourn(0), sojourn(4 * MEAN_US), sojourn(400 * MEAN_US)];
  expect(fresh).toBeLessThan(late);
  expect(late).toBeLessThan(alone);
  expect(late).toBeLessThan(veryLate);
});

test('the network is paid twice by what is sent away, and by nothing else', () => {
  const service = { shape: 'deterministic', us: MEAN_US } as const;
  const classes = [{ name: 'f', share: 1, service }];
  const workload: WorkloadSpec = { name: 'w', classes, arrivals: { kind: 'uniform' } };
  const network = { shape: 'deterministic', us: 300 } as const;
  const of = (placement?: PlacementForm) =>
    run({ nodes: 2, placement, network, shares: [1, 0] }, { workload, requests: 200, load: 0.3 });
  expect(of().sojournUs.max).toBeCloseTo(MEAN_US, 0);
  expect(of(toFirstPeer).sojournUs.mean).toBeCloseTo(MEAN_US + 600, 3);
});

describe('one node with more than it can do beside one without work', () => {
  const deadline = { us: 10 * MEAN_US };
  const [one] = EXPONENTIAL.classes;
  const classes = [{ ...one, name: 'f', share: 1, deadline }] as WorkloadSpec['classes'];
  const workload: WorkloadSpec = { ...EXPONENTIAL, classes };
  const network = { shape: 'lognormal', meanUs: 200, sigma: 0.5 } as const;
  const settings = { nodes: 2, network, reportUs: 2 * MEAN_US, shares: [1, 0] };
  const missRate = (placement?: PlacementForm) =>
    run({ ...settings, placement }, { workload, requests: 30_000, load: 0.6 }).missRate;

  test('local-first keeps deadlines that are missed without spill-over', () => {
    expect(missRate()).toBeGreaterThan(0.9);
    expect(missRate(localFirst({ reserve: 0.5 }))).toBeLessThan(0.02);
  });

  test('next to none is missed where services are as long as expected', () => {
    const service = { shape: 'deterministic', us: MEAN_US } as const;
    const exact = { ...workload, classes: [{ name: 'f', share: 1, service, deadline }] };
    const of = (placement?: PlacementForm) =>
      run({ ...settings, placement }, { workload: exact, requests: 10_000, load: 0.6 }).missRate;
    expect(of()).toBeGreaterThan(0.9);
    expect(of(localFirst({ reserve: 0 }))).toBeLessThan(0.002);
  });

  test('local-first keeps what has time: it sends less away than two choices do', () => {
    const forwarded = (placement?: PlacementForm) =>
      run({ ...settings, placement }, { workload, requests: 10_000, load: 0.3 }).cluster?.forwarded;
    expect(forwarded(localFirst())).toBeLessThan((forwarded(powerOfTwo()) ?? 0) / 10);
  });

  test('what no node would end in time is refused when it is asked to', () => {
    const placement = localFirst({ refuses: true });
    const flood = { workload, requests: 20_000, load: 1.5 };
    const { cluster, refused } = run({ ...settings, placement }, flood);
    expect(refused).toBeGreaterThan(4000);
    expect(cluster?.nodes[1]?.utilisation).toBeGreaterThan(0.8);
  });
});

/** `count` requests of 10 ms, one each ms, that all come to node 0. */
function scripted(count: number): Partial<Cell> {
  const times = Array.from({ length: count }, (_, at) => 1000 * (at + 1));
  const service = { shape: 'deterministic', us: 10_000 } as const;
  const arrivals = {
    kind: 'recorded' as const,
    atUs: times,
    classOf: times.map(() => 0),
    serviceUs: times.map(() => 10_000),
  };
  const workload: WorkloadSpec = {
    name: 'scripted',
    classes: [{ name: 'f', share: 1, service }],
    arrivals,
  };
  return { workload, load: undefined, requests: count, warmup: 0 };
}

describe('a node is lost', () => {
  const everySixteenth = { nodes: 4, network: { shape: 'exponential', meanUs: 100 } as const };

  test('exactly what is in flight there is lost', () => {
    // the first ends at 11 ms: five have ended at 55.5 ms, and fifteen are there
    const losses = [{ node: 1, fromUs: 55_500 }];
    const cluster = { nodes: 2, placement: toFirstPeer, shares: [1, 0], losses };
    const result = run(cluster, scripted(20));
    expect(result.requests).toBe(5);
    expect(result.cluster).toMatchObject({ lost: 15, unreached: 0, returned: 0 });
  });

  test('what finds nobody there runs where it came from', () => {
    const losses = [{ node: 1, fromUs: 5_500 }];
    const cluster = { nodes: 2, placement: toFirstPeer, shares: [1, 0], losses };
    const result = run(cluster, scripted(20));
    expect(result.cluster).toMatchObject({ lost: 5, forwarded: 20, returned: 15 });
    expect(result.requests).toBe(15);
  });

  test('what comes to a node that is away is an error; it serves again when it is back', () => {
    const losses = [{ node: 0, fromUs: 500, toUs: 10_500 }];
    const result = run({ nodes: 2, shares: [1, 0], losses }, scripted(20));
    expect(result.cluster).toMatchObject({ lost: 10, unreached: 10 });
    expect(result.requests).toBe(10);
  });

  test('every request has exactly one outcome, whatever is lost and when', () => {
    const losses = [0, 1, 2, 3, 4, 5].map((at) => ({
      node: at % 4,
      fromUs: 50_000 + 70_000 * at,
      toUs: 100_000 + 70_000 * at,
    }));
    for (const placement of [powerOfTwo(), localFirst(), atRandom, undefined]) {
      const cluster = { ...everySixteenth, placement, losses, reportUs: 5000 };
      const { nodes = [] } = run(cluster, { requests: 4000, warmup: 0, load: 1.1 }).cluster ?? {};
      for (const node of nodes) {
        const { finished, refused, dropped, lost } = node;
        expect(finished + refused + dropped + lost).toBe(node.arrived);
      }
      expect(nodes.reduce((sum, { arrived }) => sum + arrived, 0)).toBe(4000);
      expect(nodes.reduce((sum, { lost }) => sum + lost, 0)).toBeGreaterThan(0);
    }
  });
});

test('the same seed gives the same bytes, with any number of threads', async () => {
  const network = { shape: 'lognormal', meanUs: 100, sigma: 1 } as const;
  const cluster = { nodes: 5, placement: localFirst(), network, reportUs: 3000 };
  const cells = [1, 2, 3].map((seed) => cellOf(cluster, { seed, requests: 5000 }));
  const [one, two] = await Promise.all([
    runCells(cells, { threads: 1 }),
    runCells(cells, { threads: 2 }),
  ]);
  expect(JSON.stringify(two)).toBe(JSON.stringify(one));
});

test.each([
  [{ nodes: 0 }, /nodes is 0/],
  [{ nodes: 3 }, /not a multiple/],
  [{ nodes: 2, shares: [1] }, /shares/],
  [{ nodes: 2, losses: [{ node: 2, fromUs: 1 }] }, /loss/],
])('a cluster that makes no sense is refused with its reason: %j', (cluster, reason) => {
  expect(() => run(cluster, { workers: 4 })).toThrow(reason);
});

test('a placement that names no peer, or throws, ends the run with its reason', () => {
  const of = (place: () => PlacementDecision) => () =>
    run({ nodes: 2, placement: placing(place) }, { requests: 100 });
  expect(of(() => 1)).toThrow(/named peer 1 of 1/);
  expect(
    of(() => {
      throw new Error('of the test');
    }),
  ).toThrow(/of the test/);
});

test('placements are compared, in virtual time only', async () => {
  const cluster = { nodes: 2, shares: [1, 0] };
  const variants = [{ name: 'none' }, { name: 'two', placement: 'power-of-two' }];
  const given = { engine: 'simulated', costs: 'ideal', variants, cluster, workload: EXPONENTIAL };
  const all = { ...given, requests: 2000, loads: [0.8], repeats: 6 };
  const experiment = parseExperiment(all, 'of the test');
  const settings = { folder: __dirname, threads: 1 };
  const { comparisons } = await compare(
    experiment,
    (one) => new SimulatedEngine(experiment, one, settings),
    { command: 'of the test' },
  );
  const found = comparisons.find(({ metric }) => metric === 'slowdown.p50');
  expect(found).toMatchObject({ a: 'none', b: 'two', verdict: 'lower' });
  const live = { ...all, engine: 'live', workload: 'high-bimodal' };
  expect(() => parseExperiment(live, 'of the test')).toThrow(/of virtual time/);
});
