import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { costModel, loadPolicies, loadWorkload, runCell, writeTrace } from '@sledge/lab';
import type { Cell, FullCellResult, PolicyChoices } from '@sledge/lab';

const folder = mkdtempSync(path.join(tmpdir(), 'sledge-trace-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface TraceEvent {
  ph: string;
  name: string;
  tid: number;
  ts: number;
  dur: number;
  args: { request: number; end: string; waiting: number };
}

async function run(choices: PolicyChoices, costs: string, more: Partial<Cell> = {}) {
  const model = costModel(costs);
  if (model === undefined) throw new Error(`there are no costs ${costs}`);
  const workload = await loadWorkload({ source: 'high-bimodal' }, __dirname);
  const base = { workload, workers: 4, load: 0.8, requests: 5_000, warmup: 0, seed: 3 };
  const policies = loadPolicies(choices, __dirname);
  const cell = { ...base, costs: model.costs, recordMax: 1e6, ...policies, ...more };
  return { cell, full: runCell(cell) as FullCellResult };
}

function traceOf({ cell, full }: { cell: Cell; full: FullCellResult }): string {
  const file = path.join(folder, 'trace.json');
  writeTrace(file, cell, full);
  return readFileSync(file, 'utf8');
}

const eventsOf = (text: string): TraceEvent[] =>
  (JSON.parse(text) as { traceEvents: TraceEvent[] }).traceEvents;

const FIFO: PolicyChoices = { dispatcher: 'global-queue', scheduler: 'fifo' };
const EDF: PolicyChoices = { dispatcher: 'edf-interrupt', scheduler: 'edf' };
const SHINJUKU: PolicyChoices = {
  dispatcher: ['shinjuku', { intervalUs: 5 }],
  scheduler: 'fifo',
};
const POLICIES = { FIFO, EDF, SHINJUKU };

test.each(Object.entries(POLICIES))(
  'the slices of a trace add up to the utilisation: %s',
  async (_, choices) => {
    for (const costs of ['ideal', 'assumed']) {
      const ran = await run(choices, costs);
      const events = eventsOf(traceOf(ran));
      const slices = events.filter(({ ph }) => ph === 'X');
      const arrivals = events.filter(({ name }) => name === 'arrival');
      const [from, to] = [arrivals[0]?.ts ?? 0, arrivals.at(-1)?.ts ?? 0];
      const busy = slices.reduce(
        (sum, { ts, dur }) => sum + Math.max(0, Math.min(ts + dur, to) - Math.max(ts, from)),
        0,
      );
      const { result } = ran.full;
      expect(busy / (ran.cell.workers * (to - from))).toBeCloseTo(result.utilisation, 9);
      expect(slices.filter(({ args }) => args.end === 'finished')).toHaveLength(result.requests);
      const preempted = slices.filter(({ args }) => args.end === 'preempted');
      expect(preempted).toHaveLength(result.preemptions);
    }
  },
);

test('each worker has one slice at a time, and each request arrives once', async () => {
  const events = eventsOf(traceOf(await run(SHINJUKU, 'assumed')));
  const ends = new Map<number, number>();
  const slices = events.filter(({ ph }) => ph === 'X').sort((a, b) => a.ts - b.ts);
  for (const { tid, ts, dur } of slices) {
    expect(ts).toBeGreaterThanOrEqual((ends.get(tid) ?? 0) - 0.0005);
    ends.set(tid, ts + dur);
  }
  const arrivals = events.filter(({ name }) => name === 'arrival');
  expect(new Set(arrivals.map(({ args }) => args.request)).size).toBe(5_000);
  expect(arrivals).toHaveLength(5_000);
});

test('the queue depth follows who waits, and ends at 0', async () => {
  const events = eventsOf(traceOf(await run(EDF, 'ideal')));
  const depths = events.filter(({ ph }) => ph === 'C').map(({ args }) => args.waiting);
  expect(depths.every((depth) => Number.isInteger(depth) && depth >= 0)).toBe(true);
  expect(Math.max(...depths)).toBeGreaterThan(3);
  expect(depths.at(-1)).toBe(0);
});

test('the same seed gives the same bytes', async () => {
  const [one, other] = [traceOf(await run(EDF, 'ideal')), traceOf(await run(EDF, 'ideal'))];
  expect(other).toBe(one);
});

test('a trace keeps as many events as it may, and says how many it has lost', async () => {
  const ran = await run(FIFO, 'ideal', { recordMax: 1000 });
  const text = traceOf(ran);
  const { lostEvents, traceEvents } = JSON.parse(text) as {
    lostEvents: number;
    traceEvents: TraceEvent[];
  };
  expect(ran.full.recordMissed).toBeGreaterThan(10_000);
  expect(lostEvents).toBe(ran.full.recordMissed);
  expect(traceEvents.some(({ args }) => args.end === 'unfinished')).toBe(true);
});

test('a trace that cannot be written is an error that names it', async () => {
  const { cell, full } = await run(FIFO, 'ideal', { requests: 10 });
  const file = path.join(folder, 'none', 'trace.json');
  expect(() => writeTrace(file, cell, full)).toThrow(
    /none\/trace\.json cannot be written: .*ENOENT/,
  );
});
