import type { Outcome, OutcomeStatus } from '../src/contracts/invocation';
import type { DataPlane } from '../src/contracts/data-plane';
import { watchSplit } from '../src/control/split-watch';
import { FunctionTarget } from '../src/functions/live-function';
import { Arm, TrafficSplit } from '../src/functions/traffic-split';
import type { RollbackRule } from '../src/functions/traffic-split';

function splitOf(stable: number, trial: number, rule?: RollbackRule) {
  const arm = (version: number, weight: number) =>
    new Arm({ version, id: version, weight, relativeDeadlineUs: 100 });
  const reasons: string[] = [];
  const split = new TrafficSplit(arm(1, stable), arm(2, trial), rule, (why) => reasons.push(why));
  return { split, reasons };
}

const ended = (status: OutcomeStatus = 'completed', totalUs = 1): Outcome => ({
  status,
  exitCode: 0,
  output: new Uint8Array(),
  times: { queueNs: 0, runNs: 0, totalNs: totalUs * 1000 },
});

test('requests are divided exactly, and never further than one from the line', () => {
  for (const [stable, trial] of [
    [90, 10],
    [1, 1],
    [97, 3],
    [5, 95],
    [99.9, 0.1],
  ] as const) {
    const { split } = splitOf(stable, trial);
    let picked = 0;
    for (let count = 1; count <= 3000; count += 1) {
      picked += split.pick() === split.trial ? 1 : 0;
      const line = (count * trial) / (stable + trial);
      expect(Math.abs(picked - line)).toBeLessThanOrEqual(1.000001);
    }
  }
});

test('a trial is given up once when errors above the rate are certain', () => {
  const { split, reasons } = splitOf(1, 1, { requests: 10, errorRate: 0.2 });
  for (const status of ['trapped', 'completed', 'exited'] as const) {
    split.count(split.trial, ended(status));
  }
  expect(reasons).toEqual([]);
  split.count(split.trial, ended('timed-out'));
  split.count(split.trial, ended('failed'));
  expect(reasons).toEqual(['3 errors in 4 requests, where 2 of 10 are allowed']);
});

test('windows follow each other: errors that are far apart are no reason', () => {
  const { split, reasons } = splitOf(1, 1, { requests: 10, errorRate: 0.1 });
  for (let window = 0; window < 50; window += 1) {
    split.count(split.trial, ended('trapped'));
    for (let count = 0; count < 9; count += 1) split.count(split.trial, ended());
  }
  expect([reasons, split.trial.errors]).toEqual([[], 50]);
  split.count(split.trial, ended('trapped'));
  split.count(split.trial, ended('trapped'));
  expect(reasons).toHaveLength(1);
});

test('missed deadlines count by the request, else by the version; who left does not count', () => {
  const { split, reasons } = splitOf(1, 1, { requests: 4, missRate: 0.5 });
  split.count(split.trial, ended('completed', 99));
  split.count(split.trial, ended('completed', 101));
  split.count(split.trial, ended('completed', 101), 200);
  split.count(split.trial, ended('cancelled', 500));
  split.count(split.trial, ended('dropped', 101));
  expect([split.trial.requests, split.trial.misses, split.trial.errors]).toEqual([4, 2, 0]);
  expect(reasons).toEqual([]);
});

test('what the stable version does is no reason, nor what comes after the end', () => {
  const { split, reasons } = splitOf(1, 1, { requests: 1, errorRate: 0 });
  for (let count = 0; count < 5; count += 1) split.count(split.stable, ended('trapped'));
  split.end();
  split.count(split.trial, ended('trapped'));
  expect(reasons).toEqual([]);
});

test('a body above the limit of the trial goes to the stable version', () => {
  const arm = (version: number, maxBodyBytes: number) =>
    new Arm({ version, id: version, weight: 1, relativeDeadlineUs: undefined, maxBodyBytes });
  const split = new TrafficSplit(arm(1, 100), arm(2, 10), undefined, () => undefined);
  const asked: number[] = [];
  const plane = { submit: (id: number) => asked.push(id) } as unknown as DataPlane;
  const ask = (bytes: number): number =>
    split.submit(plane, { args: [], environ: [], input: Buffer.alloc(bytes) }, () => undefined);
  for (const bytes of [11, 11, 11, 10, 10, 11, 0, 10]) ask(bytes);
  expect(asked).toEqual([1, 1, 1, 1, 2, 1, 1, 2]);
});

describe('a split that is watched', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  test('is looked at no more after the end of control, or after a failure that is told', () => {
    const { split } = splitOf(1, 1);
    const target = Object.assign(new FunctionTarget(), { split });
    const functionMetrics = jest.fn();
    const plane = { functionMetrics } as unknown as DataPlane;
    const failures: unknown[] = [];
    const control = new AbortController();
    const watch = () =>
      watchSplit(plane, { target, split }, control.signal, (error) => failures.push(error));
    watch();
    functionMetrics.mockImplementationOnce(() => {
      throw new Error('no more');
    });
    jest.advanceTimersByTime(1000);
    expect([failures, jest.getTimerCount()]).toEqual([[new Error('no more')], 0]);
    watch();
    control.abort();
    functionMetrics.mockClear();
    jest.advanceTimersByTime(1000);
    expect([functionMetrics.mock.calls, jest.getTimerCount()]).toEqual([[], 0]);
  });
});
