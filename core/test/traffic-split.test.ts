import type { Outcome, OutcomeStatus } from '../src/contracts/invocation';
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
