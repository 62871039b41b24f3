import { readFileSync } from 'node:fs';
import path from 'node:path';
import { compare, comparisonsOf, csvOf, htmlReport, parseExperiment, variantOf } from '../src';
import { compareDocumentSchema, compareJsonSchema, verdictOf } from '../src';
import type { CompareEngine, EngineRun, RunRequest } from '../src';

const shape = (p50: number) => ({
  mean: p50,
  p50,
  p90: p50 * 2,
  p99: p50 * 5,
  p999: p50 * 8,
  max: p50 * 9,
});

const runOf = (p50: number, missRate = 0): EngineRun => ({
  offeredRps: 100,
  goodputRps: 100 * (1 - missRate),
  missRate,
  slowdown: shape(p50),
  classes: ['short', 'long'].map((name) => ({
    name,
    requests: 50,
    sojournUs: shape(p50 * 10),
    slowdown: shape(p50),
    missRate,
    cdf: [
      [1, 0],
      [p50, 0.5],
      [p50 * 9, 1],
    ],
  })),
  series: [{ atS: 0.5, answered: 100, missed: 0, p50Us: 10, p99Us: 50 }],
  counts: { planned: 100 },
  doubts: [],
});

/** Figures as `of` says; remembers what was asked in which order. */
class FakeEngine implements CompareEngine {
  readonly labels: string[] = [];
  readonly asked: string[] = [];
  isRunning = false;

  constructor(private readonly of: (request: RunRequest) => EngineRun) {}

  async start(): Promise<void> {
    this.isRunning = true;
  }

  async run(request: RunRequest): Promise<EngineRun> {
    this.asked.push(`${request.variant.name} ${request.load} ${request.seed}`);
    return this.of(request);
  }

  async stop(): Promise<void> {
    this.isRunning = false;
  }
}

const experimentOf = (more: Record<string, unknown> = {}) =>
  parseExperiment(
    {
      variants: [variantOf('a=jsq/edf'), variantOf('b=rr/fifo')],
      workload: 'high-bimodal',
      loads: [0.5],
      ...more,
    },
    'test',
  );

const documentOf = async (of: (request: RunRequest) => EngineRun, more = {}) => {
  const engine = new FakeEngine(of);
  const document = await compare(experimentOf(more), () => engine, {
    command: 'npx sledge compare',
  });
  return { engine, document };
};

/** Same requests, some luck of the machine: factor from 1 to 1.2 by repeat. */
const luck = ({ seed }: RunRequest): number => 1 + (seed % 5) / 20;

test('variants run turn about, on the same requests, and none is always first', async () => {
  const { engine } = await documentOf(() => runOf(2), { repeats: 3, seed: 7 });
  expect(engine.asked).toEqual(
    ['a 0.5 7', 'b 0.5 7', 'b 0.5 8', 'a 0.5 8', 'a 0.5 9', 'b 0.5 9'], // 7, 8, 9: repeats
  );
  expect(engine.isRunning).toBe(false);
});

test('a difference in every pair of runs is named, whatever the machine did between', async () => {
  const { document } = await documentOf((request) =>
    runOf(luck(request) * (request.variant.name === 'b' ? 3 : 2)),
  );
  const found = document.comparisons.find(({ metric }) => metric === 'slowdown.p99');
  expect(found).toMatchObject({ a: 'a', b: 'b', load: 0.5, verdict: 'higher' });
  expect(found?.change.estimate).toBeCloseTo(1.5, 6);
});

test('a difference that goes both ways is within noise', async () => {
  const { document } = await documentOf((request) => {
    const isUp = (request.seed % 2 === 0) === (request.variant.name === 'a');
    return runOf(isUp ? 3 : 2, isUp ? 0.1 : 0.2);
  });
  const verdicts = new Set(document.comparisons.map(({ verdict }) => verdict));
  expect([...verdicts]).toEqual(['within noise']);
});

test('too few runs give no verdict, however large the difference', async () => {
  const { document } = await documentOf((r) => runOf(r.variant.name === 'b' ? 300 : 2), {
    repeats: 4,
  });
  const verdicts = new Set(document.comparisons.map(({ verdict }) => verdict));
  expect([...verdicts]).toEqual(['too few runs']);
});

test('an interval that touches no change says nothing', () => {
  expect(verdictOf({ estimate: 1.1, low: 1, high: 1.2 }, 'ratio')).toBe('within noise');
  expect(verdictOf({ estimate: 0.9, low: 0.8, high: 0.99 }, 'ratio')).toBe('lower');
  expect(verdictOf({ estimate: 0, low: 0, high: 0 }, 'difference')).toBe('within noise');
  expect(verdictOf({ estimate: NaN, low: NaN, high: NaN }, 'ratio')).toBe('too few runs');
});

test('runs without any answer are compared by what they have', async () => {
  const { document } = await documentOf((r) =>
    r.variant.name === 'b' ? runOf(0, 1) : runOf(2, 0.25),
  );
  const verdictFor = (metric: string) =>
    document.comparisons.find((one) => one.metric === metric)?.verdict;
  expect(verdictFor('missRate')).toBe('higher');
  expect(verdictFor('slowdown.p99')).toBe('too few runs');
});

test('the document is what its schema says, and survives JSON', async () => {
  const { document } = await documentOf(() => runOf(2), { repeats: 2 });
  const again = compareDocumentSchema.parse(JSON.parse(JSON.stringify(document)));
  expect(again.runs).toHaveLength(4);
  expect(again.cells.length).toBeGreaterThan(0);
  expect(comparisonsOf(again.runs, 0.95)).toEqual(again.comparisons);
});

test('raw samples have a row for each class of each run, as wide as the header', async () => {
  const { document } = await documentOf(() => runOf(2), { repeats: 2 });
  const [header = '', ...rows] = csvOf(document).trimEnd().split('\n');
  expect(rows).toHaveLength(8);
  expect(new Set(rows.map((row) => row.split(',').length))).toEqual(
    new Set([header.split(',').length]),
  );
});

test('what a page shows of names cannot become markup', async () => {
  const variants = [{ name: '</script><img src=x>', dispatcher: 'jsq', scheduler: 'edf' }];
  const { document } = await documentOf(() => runOf(2), { variants, repeats: 1 });
  const html = htmlReport(document);
  expect(html).not.toContain('</script><img');
  expect(html).not.toContain('<img src=x>');
});

test.each([
  [{ variants: [] }, 'variants'],
  [{ workload: 'no-such' }, 'presets are'],
  [{ loads: [-1] }, 'loads.0'],
  [{ repeat: 3 }, 'repeat'],
  [{ variants: [variantOf('x=jsq/edf'), variantOf('x=rr/edf')] }, 'a name of its own'],
])('an experiment with %j is refused with its place', (more, reason) => {
  expect(() => experimentOf(more)).toThrow(reason);
});

test('a variant is a dispatcher and a scheduler, or refused', () => {
  expect(variantOf('jsq/edf')).toEqual({ name: 'jsq/edf', dispatcher: 'jsq', scheduler: 'edf' });
  expect(() => variantOf('jsq')).toThrow('dispatcher/scheduler');
});

test('the schema in the docs is that of the document', () => {
  const file = path.join(__dirname, '../../docs/reference/compare.schema.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(
    JSON.parse(JSON.stringify(compareJsonSchema())),
  );
});
