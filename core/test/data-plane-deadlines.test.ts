import { setTimeout as delay } from 'node:timers/promises';
import type { Outcome } from '../src/contracts/invocation';
import {
  functionSpec,
  artifact,
  PlaneUnderTest,
  policyLibrary,
  textOf,
} from './support/native-plane';

const NOTHING = { args: [], environ: [] };
const LONG_US = 60_000_000;

describe('deadlines', () => {
  let under: PlaneUnderTest;

  beforeEach(async () => {
    under = PlaneUnderTest.start();
    await under.add('endless_loop', { wallTimeUs: LONG_US });
    await under.add('fibonacci');
  });
  afterEach(() => under.plane.stop());

  function hold(): { id: number; ended: Promise<Outcome> } {
    let settle: (outcome: Outcome) => void = () => undefined;
    const ended = new Promise<Outcome>((resolve) => (settle = resolve));
    const id = under.plane.submit(under.id('endless_loop'), NOTHING, (outcome) => settle(outcome));
    return { id, ended };
  }

  it('drop what has not started, also while the worker is still busy', async () => {
    await under.add('fibonacci', { onLate: 'drop-unstarted', relativeDeadlineUs: 5_000 });
    const holder = hold();
    const late = await under.call('fibonacci', { args: ['10'] });
    expect(late).toMatchObject({ status: 'dropped', times: { runNs: 0 } });
    expect(late.error).toMatchObject({ code: 'SLEDGE_ERR_INVOKE_DEADLINE', httpStatus: 504 });
    expect(under.plane.inFlight).toBe(1);
    under.plane.cancel(holder.id);
    await holder.ended;
    expect(
      textOf(await under.call('fibonacci', { args: ['10'], relativeDeadlineUs: LONG_US })),
    ).toBe('55');
    expect(under.plane.functionStats(under.id('fibonacci'))).toMatchObject({
      endedByDeadline: 1,
      completedInTime: 1,
      inFlight: 0,
      queued: 0,
    });
  });

  it('abort what runs, with an error of their own', async () => {
    await under.add('endless_loop', { onLate: 'abort', wallTimeUs: LONG_US });
    const late = await under.call('endless_loop', { relativeDeadlineUs: 20_000 });
    expect(late.status).toBe('timed-out');
    expect(late.error).toMatchObject({ code: 'SLEDGE_ERR_INVOKE_DEADLINE' });
    expect(late.times.totalNs).toBeGreaterThanOrEqual(20_000_000);
    expect((await under.call('fibonacci', { args: ['10'] })).status).toBe('completed');
  });

  it('are only counted by default, and a request may bring its own', async () => {
    await under.add('fibonacci', { relativeDeadlineUs: 1 });
    expect((await under.call('fibonacci', { args: ['20'] })).status).toBe('completed');
    await under.call('fibonacci', { args: ['1'], relativeDeadlineUs: LONG_US });
    expect(under.plane.functionStats(under.id('fibonacci'))).toMatchObject({
      completedLate: 1,
      completedInTime: 1,
    });
    expect(under.plane.stats()).toMatchObject({ deadlinesMissed: 1, deadlinesMet: 1 });
  });

  it('a client that has gone does not end what may run on', async () => {
    await under.add('fibonacci', { onDisconnect: 'run' });
    let outcome: Outcome | undefined;
    const request = { args: ['32'], environ: [] };
    const onOutcome = (ended: Outcome) => (outcome = ended);
    const id = under.plane.submit(under.id('fibonacci'), request, onOutcome);
    // on a busy machine it may end before it is seen to run
    while (under.plane.stats().running === 0 && outcome === undefined) await delay(0);
    under.plane.cancel(id);
    while (outcome === undefined) await delay(1);
    expect(outcome).toMatchObject({ status: 'completed' });
  });
});

describe('limits of CPU time and of tenants', () => {
  it('end what computes too long, and do not count what waits', async () => {
    const under = PlaneUnderTest.start();
    await under.add('fibonacci', { cpuTimeUs: 20_000, wallTimeUs: LONG_US });
    const endless = await under.call('fibonacci', { args: ['60'] });
    expect(endless.error).toMatchObject({
      code: 'SLEDGE_ERR_INVOKE_CPU_LIMIT',
      httpStatus: 504,
      details: { limitUs: 20_000 },
    });
    // more than a thread that is kept from its core is charged for
    await under.add('hold', { cpuTimeUs: 500_000, wallTimeUs: 600_000 });
    const asleep = await under.call('hold', { args: ['sleep'] });
    expect(asleep.error?.code).toBe('SLEDGE_ERR_INVOKE_TIME_LIMIT');
    expect(asleep.times.runNs).toBeLessThan(500_000_000);
    await under.plane.stop();
  });

  it('keep a tenant within its own, and leave its neighbour alone', async () => {
    const tenants = [
      { concurrency: 2, queued: 0 },
      { concurrency: 0, queued: 1 },
    ];
    const under = PlaneUnderTest.start({ tenants });
    const path = await artifact('endless_loop');
    const fibonacci = await artifact('fibonacci');
    const spec = { wallTimeUs: 200_000 };
    const loop = under.plane.addFunction(functionSpec('loop', path, spec));
    const twin = under.plane.addFunction(functionSpec('twin', fibonacci, spec));
    const other = under.plane.addFunction(functionSpec('other', fibonacci, { tenant: 1 }));
    const outcomes: Promise<Outcome>[] = [];
    const submit = (fn: number): void => {
      const request = { args: ['10'], environ: [] };
      outcomes.push(
        new Promise((resolve, reject) => {
          try {
            under.plane.submit(fn, request, resolve);
          } catch (error) {
            reject(error);
          }
        }),
      );
    };
    for (const fn of [loop, twin, twin, other, other]) submit(fn);
    const results = await Promise.allSettled(outcomes);
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
    ]);
    expect(results[2]).toMatchObject({ reason: { code: 'SLEDGE_ERR_INVOKE_TENANT_CONCURRENCY' } });
    expect(results[4]).toMatchObject({ reason: { code: 'SLEDGE_ERR_INVOKE_TENANT_QUEUE' } });
    expect(results[3]).toMatchObject({ value: { status: 'completed' } });
    await under.plane.stop();
  });
});

describe('admission and estimates', () => {
  it('refuse at once what cannot be in time, and say when to try again', async () => {
    const under = PlaneUnderTest.start({
      estimator: { library: policyLibrary('estimator-percentile'), options: {} },
      admission: { library: policyLibrary('admission-deadline'), options: {} },
    });
    const times = { expectedExecutionUs: 500_000, wallTimeUs: 300_000 };
    await under.add('endless_loop', { ...times, relativeDeadlineUs: 600_000 });
    const running = under.call('endless_loop');
    await expect(under.call('endless_loop')).rejects.toMatchObject({
      code: 'SLEDGE_ERR_INVOKE_NOT_ADMITTED',
      httpStatus: 429,
      message: expect.stringMatching(/retry after \d{6} us/) as string,
    });
    expect((await running).status).toBe('timed-out');
    expect(under.plane.stats().rejectedNotAdmitted).toBe(1);
    await under.plane.stop();
  });

  it('name the policy that is not an estimator', () => {
    const estimator = { library: policyLibrary('sched-fifo'), options: {} };
    expect(() => PlaneUnderTest.start({ estimator })).toThrow(
      expect.objectContaining({ code: 'SLEDGE_ERR_NATIVE_POLICY_LOAD' }),
    );
  });
});

describe('more workers than cores', () => {
  it.each(['safepoint', 'signal', 'timer'] as const)(
    'serve all, with preemption by %s',
    async (mechanism) => {
      const under = PlaneUnderTest.start({
        workerCount: 4,
        arenaSlots: 128, // all of them may be preempted at once, each with its slot
        preemption: { mechanism, graceUs: 1000, minIntervalUs: 200 },
        scheduler: { library: policyLibrary('sched-fifo'), options: { quantumUs: 500 } },
      });
      await under.add('fibonacci');
      await under.add('endless_loop', { wallTimeUs: 100_000 });
      const loops = Array.from({ length: 8 }, () => under.call('endless_loop'));
      const calls = Array.from({ length: 100 }, () => under.call('fibonacci', { args: ['24'] }));
      for (const call of calls) expect(textOf(await call)).toBe('46368');
      for (const loop of loops) expect((await loop).status).toBe('timed-out');
      expect(under.plane.stats().preemptions).toBeGreaterThan(0);
      await under.plane.stop();
    },
  );
});
