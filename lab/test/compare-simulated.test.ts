/** Comparisons in virtual time, of the dispatch core itself. */
import { compare, compareDocumentSchema, parseExperiment, SimulatedEngine } from '@sledge/lab';
import type { CompareDocument } from '@sledge/lab';

async function compared(more: Record<string, unknown>, threads = 2): Promise<CompareDocument> {
  const given = {
    engine: 'simulated',
    variants: [
      { name: 'fifo', dispatcher: 'global-queue', scheduler: 'fifo' },
      { name: 'shinjuku', dispatcher: 'shinjuku', scheduler: 'fifo' },
    ],
    workload: 'high-bimodal',
    loads: [0.6],
    workers: 2,
    requests: 4000,
    costs: 'ideal',
    ...more,
  };
  const experiment = parseExperiment(given, 'test');
  const settings = { folder: __dirname, threads };
  return compare(experiment, (one) => new SimulatedEngine(experiment, one, settings), {
    command: 'npx sledge compare',
  });
}

const verdicts = ({ comparisons }: CompareDocument, metric: string) =>
  comparisons.filter((one) => one.metric === metric).map(({ verdict }) => verdict);

test('an experiment gives the same bytes with any number of threads', async () => {
  const experiment = { workloads: ['lognormal', 'tpcc'], loads: [0.7], repeats: 3 };
  const texts = [];
  for (const threads of [1, 3]) {
    const document = await compared(experiment, threads);
    expect(compareDocumentSchema.parse(JSON.parse(JSON.stringify(document)))).toEqual(document);
    texts.push(JSON.stringify(document));
  }
  expect(texts[1]).toBe(texts[0]);
});

test('short requests beside long ones are better off with preemption', async () => {
  const document = await compared({});
  expect(verdicts(document, 'short/slowdown.p99')).toEqual(['lower']);
  expect(document.labels[0]).toMatch(/virtual time; costs \(ideal\)/);
});

test('each run tells how it went, every measured request in one interval', async () => {
  const { runs } = await compared({ requests: 2000 });
  for (const { series, counts } of runs) {
    expect(series.length).toBeGreaterThan(10);
    expect(series.reduce((sum, { answered }) => sum + answered, 0)).toBe(counts.answered);
    expect(series.every(({ p50Us, p99Us }) => p50Us <= p99Us)).toBe(true);
  }
});

test('a policy beside itself differs by nothing', async () => {
  const twin = { dispatcher: 'jsq', scheduler: 'edf' };
  const document = await compared({
    variants: [
      { name: 'a', ...twin },
      { name: 'b', ...twin },
    ],
  });
  const all = new Set(document.comparisons.map(({ verdict }) => verdict));
  expect(all).toEqual(new Set(['within noise']));
});

test('workloads are compared each for itself', async () => {
  const { runs, comparisons } = await compared({
    workloads: ['high-bimodal', 'exponential'],
    repeats: 2,
  });
  expect(runs).toHaveLength(8);
  const of = (workload: string) => comparisons.filter((one) => one.workload === workload);
  expect(of('high-bimodal').some(({ metric }) => metric === 'short/missRate')).toBe(true);
  expect(of('exponential').some(({ metric }) => metric.includes('/'))).toBe(false);
});

test('the experiment of a live comparison runs in virtual time as it is', async () => {
  const workload = {
    name: 'mine',
    classes: [
      { name: 'short', share: 9, service: 100, deadlineUs: 2000 },
      { name: 'long', share: 1, service: { shape: 'exponential', meanUs: 5000 } },
    ],
  };
  const live = parseExperiment({ variants: [{ name: 'a' }], workload }, 'test');
  expect(live.workloads).toHaveLength(1);
  const { runs } = await compared({ workload, scale: 2, repeats: 1 });
  expect(runs[0]?.classes.map(({ name }) => name)).toEqual(['short', 'long']);
  expect(runs[0]?.classes[0]?.sojournUs.p50).toBeGreaterThanOrEqual(199);
});

test('a workload of the simulator alone is refused on a machine, with the place', () => {
  const workload = 'bounded-pareto';
  const given = { variants: [{ name: 'a' }], workload };
  expect(() => parseExperiment(given, 'test')).toThrow(/workload: presets are/);
  expect(() => parseExperiment({ ...given, engine: 'simulated' }, 'test')).not.toThrow();
  const twice = { ...given, engine: 'simulated', workloads: [workload, workload] };
  expect(() => parseExperiment(twice, 'test')).toThrow(/a name of its own/);
});
