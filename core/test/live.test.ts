import { captureLanes } from '../src/live/lane-capture';
import type { EventTap } from '../src/live/lane-capture';
import { LaneFold, SLICES_MAX } from '../src/live/lanes';
import { LiveView } from '../src/live/live-view';
import { FUNCTIONS_MAX, sampleOf } from '../src/live/sample';
import { functionMetricsOf, HISTOGRAM, HISTOGRAMS } from '../src/metrics/layout';
import type { FunctionSource, MetricSources } from '../src/metrics/table';
import { HAPPENINGS, RECORD_FIELDS } from '../src/trace/record';
import type { Happening } from '../src/trace/record';

const NUMBERS = 27 + HISTOGRAMS.length * (1 + HISTOGRAM.cells);
const ENDED_AT = 8;
const SOJOURN_AT = 27;

/** Of a function: `ended` completed, each with its sojourn in the first or the last cell. */
function functionOf(name: string, ended: number, short = ended): FunctionSource {
  const numbers = new Float64Array(NUMBERS);
  numbers[0] = ended;
  numbers[2] = ended - short; // missed
  numbers[ENDED_AT] = ended;
  numbers[SOJOURN_AT + 1] = short;
  numbers[SOJOURN_AT + 1 + 40] = ended - short;
  const metrics = functionMetricsOf(numbers);
  return { tenant: 't', function: name, metrics, inFlight: 0, queued: 0 };
}

const sourcesOf = (...functions: FunctionSource[]): MetricSources => ({
  isReady: true,
  stats: {},
  functions,
  tenants: () => [],
  workers: [],
  groups: [],
});

test('a sample has the rates and percentiles of its window alone', () => {
  const before = { atMs: 1000, sources: sourcesOf(functionOf('f', 1000, 1000)) };
  const now = { atMs: 3000, sources: sourcesOf(functionOf('f', 1100, 1040)) };
  const { seconds, functions, total } = sampleOf(before, now);
  expect([seconds, functions[0]?.ratePerS, functions[0]?.missedPerS]).toEqual([2, 50, 30]);
  expect(functions[0]).toMatchObject({ ended: 1100, missed: 60 });
  // 60 of the 100 in the window were long, though of all 1,100 hardly one in twenty
  expect(functions[0]?.sojournUs.p50).toBeGreaterThan(100);
  expect(total.sojournUs).toEqual(functions[0]?.sojournUs);
});

test('the first look has counts and no rates; what was loaded anew counts from nothing', () => {
  const now = { atMs: 1000, sources: sourcesOf(functionOf('f', 500)) };
  const first = sampleOf(undefined, now);
  expect(first.functions[0]).toMatchObject({ ended: 500, ratePerS: 0 });
  expect(first.functions[0]?.sojournUs.p99).toBeNull();
  const anew = sampleOf(now, { atMs: 2000, sources: sourcesOf(functionOf('f', 20)) });
  expect(anew.functions[0]).toMatchObject({ ended: 20, ratePerS: 20 });
});

test('of many functions the busiest are named, and all of them count', () => {
  const many = Array.from({ length: 100 }, (_, at) => functionOf(`f${at}`, at));
  const { functions, functionsLeftOff, total } = sampleOf(
    { atMs: 0, sources: sourcesOf() },
    { atMs: 1000, sources: sourcesOf(...many) },
  );
  expect([functions.length, functionsLeftOff]).toEqual([FUNCTIONS_MAX, 100 - FUNCTIONS_MAX]);
  expect([functions[0]?.function, total.ratePerS]).toEqual(['f99', 4950]);
});

interface Event {
  at: number;
  what: Happening;
  request: number;
  worker?: number;
  late?: number;
}

function recordOf(events: readonly Event[]): Float64Array {
  const record = new Float64Array(events.length * RECORD_FIELDS);
  events.forEach(({ at, what, request, worker = 0, late = -1 }, index) => {
    const row = [at * 1000, HAPPENINGS.indexOf(what), request, worker, 7, 0, 0, late];
    record.set(row, index * RECORD_FIELDS);
  });
  return record;
}

test('lanes show who had which worker, also at the edges of what was recorded', () => {
  const fold = new LaneFold((type) => `t/f${type}`);
  const events: Event[] = [
    { at: 10, what: 'arrive', request: 2 },
    { at: 20, what: 'preempt', request: 1 },
    { at: 20, what: 'start', request: 2 },
    { at: 30, what: 'finish', request: 2, late: 5 },
    { at: 30, what: 'resume', request: 1 },
    { at: 40, what: 'drop', request: 3, worker: -1 },
  ];
  fold.add(recordOf(events), events.length);
  const lanes = fold.end(0, false);
  expect(lanes).toMatchObject({ windowUs: 30, arrivals: 1, preemptions: 1, misses: 1 });
  const told = lanes.slices.map(({ request, fromUs, toUs, end, isLate }) => {
    return [request, fromUs, toUs, end, isLate];
  });
  expect(told).toEqual([
    [1, 0, 10, 'preempted', false],
    [2, 10, 20, 'finished', true],
    [1, 20, 30, 'unfinished', false],
  ]);
  expect(lanes.slices[0]?.function).toBe('t/f7');
});

test('lanes are bounded, and say that they are cut', () => {
  const fold = new LaneFold(() => 'f');
  const events = Array.from({ length: SLICES_MAX * 2 + 10 }, (_, at): Event => {
    return { at, what: at % 2 === 0 ? 'start' : 'finish', request: Math.floor(at / 2) };
  });
  fold.add(recordOf(events), events.length);
  const { slices, isCut } = fold.end(0, false);
  expect([slices.length, isCut]).toEqual([SLICES_MAX, true]);
});

test('events are kept for one moment only, or seen on their way to the trace', async () => {
  const kept: boolean[] = [];
  const rows = recordOf([{ at: 1, what: 'start', request: 1 }]);
  let ready = 0;
  const plane = {
    keepEvents: (keeps: boolean) => {
      kept.push(keeps);
      ready = keeps ? 0 : 1;
    },
    takeEvents: (out: Float64Array) => {
      out.set(rows);
      return ready-- > 0 ? 1 : 0;
    },
    stats: () => ({}),
  };
  const nameOf = () => 'f';
  expect((await captureLanes({ plane, tap: undefined, nameOf })).slices).toHaveLength(1);
  expect(kept).toEqual([true, false]);
  const tap: EventTap = { listener: undefined };
  const capturing = captureLanes({ plane, tap, nameOf });
  tap.listener?.(rows, 1);
  expect((await capturing).slices).toHaveLength(1);
  expect([kept.length, tap.listener]).toEqual([2, undefined]);
});

test('a server is looked at once for all who ask, and only while somebody asks', () => {
  jest.useFakeTimers({ now: 0 });
  try {
    let looks = 0;
    const view = new LiveView({
      metricSources: () => sourcesOf(functionOf('f', (looks += 1))),
      laneSource: () => undefined,
      logger: { warn: () => undefined },
    });
    view.report(0);
    for (let second = 0; second < 5; second += 1) {
      jest.advanceTimersByTime(1000);
      for (let client = 0; client < 3; client += 1) view.report(0);
    }
    expect(looks).toBe(6);
    const { sequence, samples } = view.report(4);
    expect([sequence, samples.map((sample) => sample.sequence)]).toEqual([6, [5, 6]]);
    // a client of a server that was started anew
    expect(view.report(1000).samples).toHaveLength(6);
    jest.advanceTimersByTime(60_000);
    expect(looks).toBeLessThan(20);
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});
