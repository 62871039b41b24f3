import path from 'node:path';
import pino from 'pino';
import { createSledge } from '@sledge/core';
import type { Sledge, SledgeConfigInput } from '@sledge/core';

const FUNCTIONS = path.join(__dirname, '../../functions');
const fixture = (name: string) => path.join(__dirname, 'fixtures', `${name}.ts`);
const BURST = 200;

let sledge: Sledge;
afterEach(async () => {
  await sledge.drain();
  await sledge.stop();
});

/** On a busy machine a thread may wait for its turn for long: nobody is ejected for that. */
const PATIENT = { decisionLimitMs: 30_000, starvationLimitMs: 60_000 };
const HANGS = { ...PATIENT, decisionLimitMs: 400 };
const STARVES = { ...PATIENT, starvationLimitMs: 1000 };

const fn = (name: string) => ({ name, path: path.join(FUNCTIONS, `${name}.wasm`) });

async function start(config: Partial<SledgeConfigInput>): Promise<void> {
  sledge = createSledge(
    {
      workers: { count: 2, cores: 'unpinned' },
      arena: { slots: 64 },
      transports: [],
      policies: PATIENT,
      tenants: [{ name: 'test', functions: [fn('empty'), fn('fibonacci'), fn('endless_loop')] }],
      ...config,
    },
    { logger: pino({ level: 'silent' }), withTransports: false },
  );
  await sledge.start();
}

/** Statuses of `count` requests that are sent at once. */
async function burst(count = BURST): Promise<Set<string>> {
  const calls = Array.from({ length: count }, () =>
    sledge.invoke('fibonacci', { args: ['10'], environ: [] }),
  );
  return new Set((await Promise.all(calls)).map(({ status }) => status));
}

test('a dispatcher in one TypeScript file drives the data plane', async () => {
  await start({ dispatcher: fixture('good') });
  expect(await burst()).toEqual(new Set(['completed']));
  const status = sledge.policyStatus();
  expect(status).toMatchObject({
    live: 'driving',
    dispatcher: { name: 'good', form: 'typescript' },
    scheduler: { name: 'sched-fifo', form: 'native' },
    ejections: [],
    held: 0,
  });
  expect(status.orders).toBeGreaterThanOrEqual(BURST);
});

test('a scheduler in TypeScript ranks for a native dispatcher', async () => {
  await start({ dispatcher: 'jsq', scheduler: fixture('edf') });
  expect(await burst()).toEqual(new Set(['completed']));
  expect(sledge.policyStatus()).toMatchObject({
    live: 'driving',
    scheduler: { name: 'edf-in-order', form: 'typescript' },
  });
});

test('a TypeScript scheduler preempts what runs for an earlier deadline', async () => {
  await start({
    workers: { count: 1, cores: 'unpinned' },
    dispatcher: ['jsq', { interrupts: true }],
    scheduler: fixture('edf'),
  });
  // on a busy machine it may have ended before the other comes
  while (sledge.stats().preemptions === 0) {
    const endless = sledge.invoke('endless_loop', { args: [], environ: [] });
    let hasEnded = false;
    void endless.then(() => (hasEnded = true));
    while (sledge.stats().running === 0 && !hasEnded) {
      await new Promise((next) => setTimeout(next, 1));
    }
    const urgent = await sledge.invoke('fibonacci', {
      args: ['5'],
      environ: [],
      relativeDeadlineUs: 500_000,
    });
    expect(urgent.status).toBe('completed');
    expect((await endless).status).toBe('timed-out');
  }
});

test('both in TypeScript, at once', async () => {
  await start({ dispatcher: fixture('good'), scheduler: fixture('edf') });
  expect(await burst()).toEqual(new Set(['completed']));
  expect(sledge.policyStatus().live).toBe('driving');
});

describe('a policy that misbehaves is ejected, with the reason, and nothing is lost', () => {
  test.each([
    ['throws', PATIENT, 'it threw Error: not this one'],
    ['hangs', HANGS, /^no answer for \d+ ms$/],
    ['names-no-worker', PATIENT, 'it threw RangeError: workers.assign names worker 2; there are 2'],
    ['loses', STARVES, /^request \d+ waits beside an idle worker for \d+ ms$/],
    ['starves', STARVES, /^request \d+ waits beside an idle worker for \d+ ms$/],
    ['exits', PATIENT, 'its thread has ended'],
  ])('%s', async (way, policies, reason) => {
    await start({ dispatcher: [fixture('bad'), { way }], policies });
    expect(await burst(100)).toEqual(new Set(['completed']));
    const status = sledge.policyStatus();
    expect(status.ejections).toEqual([
      { policy: 'bad', reason: expect.stringMatching(reason), at: expect.any(String) },
    ]);
    expect(status).toMatchObject({ live: 'ejected', dispatcher: { name: 'dispatch-jsq' } });
    expect(await burst(20)).toEqual(new Set(['completed']));
  });
});

test('a policy file that cannot be loaded ends the start with its reason', async () => {
  await expect(start({ dispatcher: fixture('absent') })).rejects.toMatchObject({
    code: 'SLEDGE_ERR_PLUGIN_NOT_FOUND',
  });
});

describe('policies are exchanged while requests are served', () => {
  test('native to native to TypeScript and back, beside an endless function', async () => {
    await start({ dispatcher: 'jsq' });
    const endless = sledge.invoke('endless_loop', { args: [], environ: [] });
    const sent: Promise<{ status: string }>[] = [];
    const send = () => sent.push(sledge.invoke('fibonacci', { args: ['8'], environ: [] }));
    const changes: ['dispatcher' | 'scheduler', string][] = [
      ['scheduler', 'edf'],
      ['dispatcher', fixture('good')],
      ['dispatcher', 'edf-interrupt'],
      ['scheduler', fixture('edf')],
      ['dispatcher', fixture('good')],
      ['scheduler', 'sjf'],
      ['dispatcher', 'rr'],
    ];
    for (const [kind, choice] of changes) {
      for (let at = 0; at < 50; at += 1) send();
      await sledge.setPolicy(kind, choice);
      for (let at = 0; at < 20; at += 1) send();
    }
    const statuses = new Set((await Promise.all(sent)).map(({ status }) => status));
    expect(statuses).toEqual(new Set(['completed']));
    expect((await endless).status).toBe('timed-out');
    expect(sledge.policyStatus()).toMatchObject({ dispatcher: { name: 'dispatch-rr' } });
    await sledge.setPolicy('estimator', 'ewma');
    await sledge.setPolicy('admission', 'none');
    expect(await burst(20)).toEqual(new Set(['completed']));
  });

  test('a successor stays, whenever it is heard that the one before has ended', async () => {
    await start({ dispatcher: fixture('good') });
    for (let at = 0; at < 3; at += 1) {
      const changed = sledge.setPolicy('dispatcher', fixture('good'));
      const { swaps } = sledge.policyStatus();
      while (sledge.policyStatus().swaps === swaps)
        await new Promise((next) => setTimeout(next, 1));
      const busyUntil = performance.now() + 100; // the one before ends meanwhile, by itself
      while (performance.now() < busyUntil);
      await changed;
    }
    expect(await burst(20)).toEqual(new Set(['completed']));
    expect(sledge.policyStatus()).toMatchObject({ live: 'driving', ejections: [] });
  });

  test('one that fails on what was waiting for it is ejected by its own name', async () => {
    // the workers are busy until the scheduler is one that takes turns
    const functions = [fn('fibonacci'), { ...fn('endless_loop'), limits: { wallTimeUs: 1e9 } }];
    const tenants = [{ name: 'test', functions }];
    await start({ dispatcher: fixture('good'), tenants, lifecycle: { drainTimeoutMs: 1 } });
    const endless = Array.from({ length: 2 }, () =>
      sledge.invoke('endless_loop', { args: [], environ: [] }),
    );
    const waiting = burst(60);
    await sledge.setPolicy('dispatcher', [fixture('bad'), { way: 'throws', after: 10 }]);
    while (sledge.policyStatus().live !== 'ejected') {
      await new Promise((resolve) => setTimeout(resolve, 10)); // it fails on what waits, not here
    }
    expect(sledge.policyStatus()).toMatchObject({
      dispatcher: { name: 'dispatch-jsq' },
      ejections: [{ policy: 'bad' }],
    });
    await sledge.setPolicy('scheduler', ['fifo', { quantumUs: 1000 }]);
    expect(await waiting).toEqual(new Set(['completed']));
    await sledge.drain();
    await Promise.all(endless);
  });

  test('one that cannot be made leaves the old one in force', async () => {
    await start({ dispatcher: 'jsq' });
    await expect(sledge.setPolicy('dispatcher', 'jqs')).rejects.toMatchObject({
      code: 'SLEDGE_ERR_PLUGIN_NOT_FOUND',
    });
    await expect(
      sledge.setPolicy('dispatcher', ['jsq', { interrupt: true }]),
    ).rejects.toMatchObject({ code: 'SLEDGE_ERR_PLUGIN_OPTIONS' });
    expect(await burst(20)).toEqual(new Set(['completed']));
    expect(sledge.policyStatus()).toMatchObject({ dispatcher: { name: 'dispatch-jsq' } });
  });
});
