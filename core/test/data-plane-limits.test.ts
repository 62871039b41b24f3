import type { Outcome } from '../src/contracts/invocation';
import { functionSpec, PlaneUnderTest, policyLibrary, textOf } from './support/native-plane';

const NOTHING = { args: [], environ: [] };

describe('limits of the data plane', () => {
  let under: PlaneUnderTest;

  beforeEach(async () => {
    under = PlaneUnderTest.start({ maxInvocations: 8 });
    await under.add('endless_loop', { wallTimeUs: 60_000_000 });
    await under.add('fibonacci');
  });
  afterEach(() => under.plane.stop());

  function submitLoop(): { id: number; ended: Promise<Outcome> } {
    let settle: (outcome: Outcome) => void = () => undefined;
    const ended = new Promise<Outcome>((resolve) => (settle = resolve));
    const loop = under.id('endless_loop');
    return { id: under.plane.submit(loop, NOTHING, (outcome) => settle(outcome)), ended };
  }

  it('ends an endless loop at its time limit; the same worker serves the next', async () => {
    await under.add('endless_loop', { wallTimeUs: 20_000 });
    const outcome = await under.call('endless_loop');
    expect(outcome.status).toBe('timed-out');
    expect(outcome.error).toMatchObject({
      code: 'SLEDGE_ERR_INVOKE_TIME_LIMIT',
      details: { limitUs: 20_000 },
    });
    expect(outcome.times.runNs).toBeGreaterThanOrEqual(20_000_000);
    expect(textOf(await under.call('fibonacci', { args: ['10'] })).trim()).toBe('55');
  });

  it('kills what runs and drops what waits when they are cancelled', async () => {
    const running = submitLoop();
    const waiting = submitLoop();
    under.plane.cancel(waiting.id);
    under.plane.cancel(running.id);
    for (const { ended } of [waiting, running]) {
      expect(await ended).toMatchObject({ status: 'cancelled' });
      expect((await ended).error?.code).toBe('SLEDGE_ERR_INVOKE_CANCELLED');
    }
  });

  it('does not touch another invocation when an old id is cancelled', async () => {
    let id = -1;
    await new Promise<Outcome>((resolve) => {
      id = under.plane.submit(under.id('fibonacci'), NOTHING, resolve);
    });
    const calls = Array.from({ length: 8 }, () => under.call('fibonacci', { args: ['15'] }));
    under.plane.cancel(id);
    for (const call of calls) expect((await call).status).toBe('completed');
  });

  it('refuses at once what is more than maxInvocations', async () => {
    const loops = Array.from({ length: 8 }, submitLoop);
    expect(submitLoop).toThrow(
      expect.objectContaining({ code: 'SLEDGE_ERR_INVOKE_QUEUE_FULL', httpStatus: 429 }),
    );
    expect(under.plane.inFlight).toBe(8);
    for (const { id } of loops) under.plane.cancel(id);
    await Promise.all(loops.map(({ ended }) => ended));
    expect(under.plane.inFlight).toBe(0);
    expect((await under.call('fibonacci', { args: ['1'] })).status).toBe('completed');
  });

  it('keeps a function within its concurrency and its queue, and leaves others alone', async () => {
    await under.add('endless_loop', { concurrency: 1 });
    const loop = submitLoop();
    expect(submitLoop).toThrow(expect.objectContaining({ code: 'SLEDGE_ERR_INVOKE_CONCURRENCY' }));
    const other = under.call('fibonacci', { args: ['10'] });
    under.plane.cancel(loop.id);
    expect((await other).status).toBe('completed');
    await loop.ended;
  });

  it('gives a function the stack that its own limit says, and others the whole one', async () => {
    await under.add('fibonacci', { stackBytes: 65_536 });
    expect(textOf(await under.call('fibonacci', { args: ['20'] }))).toBe('6765');
    await under.add('trap_stack_overflow', { stackBytes: 65_536 });
    const outcome = await under.call('trap_stack_overflow');
    expect([outcome.status, outcome.trap]).toEqual(['trapped', 'stack overflow']);
    expect(outcome.error).toMatchObject({
      code: 'SLEDGE_ERR_INVOKE_STACK_LIMIT',
      httpStatus: 500,
    });
    await expect(under.add('empty', { stackBytes: 1000 })).rejects.toMatchObject({
      code: 'SLEDGE_ERR_NATIVE_ARGUMENT',
    });
  });

  it('drains: takes nothing more, and ends what does not end by itself', async () => {
    const loop = submitLoop();
    const drained = under.plane.drain(50);
    expect(submitLoop).toThrow(expect.objectContaining({ code: 'SLEDGE_ERR_INVOKE_DRAINING' }));
    await drained;
    const outcome = await loop.ended;
    expect(outcome.status).toBe('cancelled');
    expect(outcome.error?.code).toBe('SLEDGE_ERR_INVOKE_DRAINING');
  });

  it('gives each invocation its outcome when it is stopped in flight', async () => {
    const loops = Array.from({ length: 8 }, submitLoop);
    await under.plane.stop();
    const statuses = await Promise.all(loops.map(async ({ ended }) => (await ended).status));
    for (const status of statuses) expect(status).toMatch(/dropped|cancelled/);
    expect(submitLoop).toThrow(expect.objectContaining({ code: 'SLEDGE_ERR_NATIVE_STOPPED' }));
    await under.plane.stop();
  });

  it('may be stopped by an outcome callback', async () => {
    const loops = Array.from({ length: 4 }, submitLoop);
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => void under.plane.stop().then(resolve, reject);
      under.plane.cancel(loops[0]?.id as number);
      void loops[0]?.ended.then(stop);
    });
    for (const { ended } of loops) expect((await ended).status).toMatch(/cancelled|dropped/);
  });

  it('refuses a removed function', () => {
    under.plane.removeFunction(under.id('fibonacci'));
    expect(() => under.plane.submit(under.id('fibonacci'), NOTHING, () => undefined)).toThrow(
      expect.objectContaining({ code: 'SLEDGE_ERR_INVOKE_FUNCTION_GONE' }),
    );
  });

  it('says why a module cannot be loaded', () => {
    expect(() => under.plane.addFunction(functionSpec('none', '/no/such.wasm.so'))).toThrow(
      expect.objectContaining({ code: 'SLEDGE_ERR_MODULE_LOAD' }),
    );
  });
});

describe('memory of a tenant', () => {
  const WASM_PAGE = 65_536;

  it('is what all its functions have together, and comes back with each outcome', async () => {
    const tenants = [{ concurrency: 0, queued: 0, memoryBytes: 64 * WASM_PAGE }];
    const under = PlaneUnderTest.start({ tenants });
    await under.add('memory_growth', { memoryBytes: 1 << 30 });
    expect(under.plane.stats()).toMatchObject({ tenantMemoryBytes: 0 });
    for (let i = 0; i < 20; i += 1) {
      expect(textOf(await under.call('memory_growth'))).toMatch(/ to 64 pages$/);
      expect(under.plane.stats()).toMatchObject({ tenantMemoryBytes: 0 });
    }
    await under.plane.stop();
  });

  it('refuses what would start beyond it, and says so', async () => {
    const tenants = [{ concurrency: 0, queued: 0, memoryBytes: WASM_PAGE }];
    const under = PlaneUnderTest.start({ tenants });
    await under.add('hold');
    await under.add('fibonacci');
    let settle: (outcome: Outcome) => void = () => undefined;
    const asleep = new Promise<Outcome>((resolve) => (settle = resolve));
    const sleep = { args: ['sleep'], environ: [] };
    const id = under.plane.submit(under.id('hold'), sleep, (outcome) => settle(outcome));
    const outcome = await under.call('fibonacci', { args: ['10'] });
    expect(outcome.status).toBe('failed');
    expect(outcome.error).toMatchObject({
      code: 'SLEDGE_ERR_INVOKE_TENANT_MEMORY',
      httpStatus: 429,
    });
    under.plane.cancel(id);
    expect((await asleep).status).toBe('cancelled');
    expect(textOf(await under.call('fibonacci', { args: ['10'] }))).toBe('55');
    await under.plane.stop();
  });
});

describe('options of the data plane', () => {
  it.each([
    ['workerCount', { workerCount: 0 }],
    ['workerCores', { workerCores: [0, 1] }],
    ['arenaSlots', { arenaSlots: 1.5 }],
    ['stackBytes', { stackBytes: 100_000 }],
    ['maxInvocations', { maxInvocations: Number.NaN }],
    ['seed', { seed: -1 }],
  ])('are refused by name: %s', (name, options) => {
    expect(() => PlaneUnderTest.start(options)).toThrow(
      expect.objectContaining({
        code: 'SLEDGE_ERR_NATIVE_ARGUMENT',
        message: expect.stringContaining(name) as string,
      }),
    );
  });

  it('name a policy that does not exist', () => {
    const dispatcher = { library: policyLibrary('none'), options: {} };
    expect(() => PlaneUnderTest.start({ dispatcher })).toThrow(
      expect.objectContaining({ code: 'SLEDGE_ERR_NATIVE_POLICY_LOAD' }),
    );
  });
});
