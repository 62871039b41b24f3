import type { DataPlane } from '../src/contracts/data-plane';
import type { InvocationRequest, Outcome, OutcomeCallback } from '../src/contracts/invocation';
import type { OutcomeStatus } from '../src/contracts/invocation';
import { SledgeError } from '../src/errors/sledge-error';
import { FunctionTarget } from '../src/functions/live-function';
import { ModuleRepair } from '../src/functions/module-repair';

const ended = (status: OutcomeStatus, runNs = 0, error?: SledgeError): Outcome => ({
  ...{ status, exitCode: 0, output: Buffer.alloc(0), error },
  times: { queueNs: 0, runNs, totalNs: runNs },
});
const lost = (totalNs = 0): Outcome => ({
  ...ended('failed', 0, new SledgeError('SLEDGE_ERR_INVOKE_MODULE', { reason: 'gone' })),
  times: { queueNs: 0, runNs: 0, totalNs },
});

/** A repair whose compiler ends when the test says so. */
function repairOf() {
  const runs: OutcomeCallback[] = [];
  const deadlines: (number | undefined)[] = [];
  const submit = (_fn: number, request: InvocationRequest, end: OutcomeCallback) => {
    deadlines.push(request.relativeDeadlineUs);
    return runs.push(end);
  };
  const plane = { submit } as unknown as DataPlane;
  let finish = (): void => undefined;
  const rebuilt = new Promise<void>((resolve) => (finish = resolve));
  const repair = new ModuleRepair(
    () => rebuilt,
    () => undefined,
  );
  const target = Object.assign(new FunctionTarget(), { id: 7 });
  const outcomes: Outcome[] = [];
  const call = (bytes = 1, tenant = 'a', relativeDeadlineUs?: number): number => {
    const request = { args: [], environ: [], input: Buffer.alloc(bytes), relativeDeadlineUs };
    const fn = { target, tenant, relativeDeadlineUs: undefined };
    return repair.submit(plane, fn, request, (outcome) => outcomes.push(outcome));
  };
  const end = async (): Promise<void> => {
    finish();
    await new Promise(setImmediate);
  };
  return { repair, runs, deadlines, target, outcomes, call, end };
}

test('what waits counts until it runs again, and is cancelled by its first name', async () => {
  const { repair, runs, outcomes, call, end } = repairOf();
  const first = call();
  runs[0]?.(lost());
  expect([repair.waitingCount, outcomes]).toEqual([1, []]);
  await end();
  expect([repair.waitingCount, runs.length]).toEqual([0, 2]);
  expect(repair.cancelled(first)).toBe(2);
  runs[1]?.(ended('cancelled'));
  expect(outcomes.map(({ status }) => status)).toEqual(['cancelled']);
  expect(repair.cancelled(first)).toBe(first);
});

test('what is cancelled while it waits ends at once and does not run again', async () => {
  const { repair, runs, outcomes, call, end } = repairOf();
  const first = call();
  runs[0]?.(lost());
  expect(repair.cancelled(first)).toBeUndefined();
  await new Promise(setImmediate);
  expect(outcomes.length).toBe(1);
  await end();
  expect([runs.length, repair.waitingCount]).toEqual([1, 0]);
  expect(outcomes).toMatchObject([
    { status: 'cancelled', error: { code: 'SLEDGE_ERR_INVOKE_CANCELLED' } },
  ]);
});

test('a request waits up to its deadline, and not at all when that has passed', async () => {
  jest.useFakeTimers();
  try {
    const { repair, runs, outcomes, call } = repairOf();
    call(1, 'a', 50_000);
    runs[0]?.(lost());
    await jest.advanceTimersByTimeAsync(49);
    expect([repair.waitingCount, outcomes]).toEqual([1, []]);
    await jest.advanceTimersByTimeAsync(1);
    expect(outcomes).toMatchObject([{ error: { code: 'SLEDGE_ERR_INVOKE_MODULE' } }]);
    call(1, 'a', 50_000);
    const late = lost();
    late.times.totalNs = 50_000_000;
    runs[1]?.(late);
    expect([repair.waitingCount, outcomes.length, runs.length]).toEqual([0, 2, 2]);
  } finally {
    jest.useRealTimers();
  }
});

test('the second run has what is left of the deadline', async () => {
  const { runs, deadlines, call, end } = repairOf();
  call(1, 'a', 5_000_000);
  runs[0]?.(lost(1e9));
  await end();
  expect(deadlines[0]).toBe(5_000_000);
  expect(deadlines[1]).toBeLessThanOrEqual(4_000_000);
});

test('bodies that wait have a bound, and one tenant has a part of it', () => {
  const { repair, runs, outcomes, call } = repairOf();
  const wait = (megabytes: number, tenant: string): number => {
    call(megabytes << 20, tenant);
    runs.at(-1)?.(lost());
    return repair.waitingCount;
  };
  expect([wait(32, 'a'), wait(1, 'a'), wait(31, 'b')]).toEqual([1, 1, 2]);
  expect([wait(2, 'c'), wait(1, 'c')]).toEqual([2, 3]);
  expect(outcomes.map(({ status }) => status)).toEqual(['failed', 'failed']);
});

test('a call that has begun proves the module, however it ends', () => {
  const { runs, target, call } = repairOf();
  call();
  runs[0]?.(ended('dropped'));
  expect(target.isProven).toBe(false);
  call();
  runs[1]?.(ended('exited', 5));
  expect(target.isProven).toBe(true);
});
