import { loadBinding } from '../src/data-plane';
import type { Outcome } from '../src/contracts/invocation';
import { PlaneUnderTest, textOf } from './support/native-plane';

describe('what becomes of an invocation', () => {
  const log: string[] = [];
  const loggedIds: unknown[] = [];
  let under: PlaneUnderTest;

  beforeAll(async () => {
    under = PlaneUnderTest.start({
      onLog: (_fn, text, ids) => {
        log.push(Buffer.from(text).toString());
        loggedIds.push(ids);
      },
    });
    for (const name of ['fibonacci', 'echo', 'exit', 'environ', 'huge_output', 'empty']) {
      await under.add(name);
    }
  });
  afterAll(() => under.plane.stop());

  it('completes with stdout as its output and times that add up', async () => {
    const outcome = await under.call('fibonacci', { args: ['10'] });
    expect(outcome.status).toBe('completed');
    expect(textOf(outcome).trim()).toBe('55');
    expect(outcome.error).toBeUndefined();
    const { queueNs, runNs, totalNs } = outcome.times;
    expect(queueNs + runNs).toBeLessThanOrEqual(totalNs);
    expect(runNs).toBeGreaterThan(0);
  });

  it('reports an exit code with the error of the catalogue', async () => {
    const outcome = await under.call('exit', { args: ['7'] });
    expect(outcome).toMatchObject({ status: 'exited', exitCode: 7 });
    expect(outcome.error).toMatchObject({ code: 'SLEDGE_ERR_INVOKE_EXITED', httpStatus: 502 });
  });

  it.each([
    ['trap_unreachable', 'unreachable'],
    ['trap_out_of_bounds', 'memory out of bounds'],
    ['trap_division_by_zero', 'integer divide by zero'],
    ['trap_integer_overflow', 'integer overflow'],
    ['trap_indirect_call_mismatch', 'indirect call type mismatch'],
    ['trap_stack_overflow', 'stack overflow'],
  ])('names the trap of %s: %s', async (name, trap) => {
    await under.add(name);
    const outcome = await under.call(name);
    expect(outcome).toMatchObject({ status: 'trapped', trap });
    const code = trap === 'stack overflow' ? 'STACK_LIMIT' : 'TRAPPED';
    expect(outcome.error?.code).toBe(`SLEDGE_ERR_INVOKE_${code}`);
    expect(textOf(await under.call('fibonacci', { args: ['7'] })).trim()).toBe('13');
  });

  it('gives every byte of a body back, whatever its size', async () => {
    for (const size of [0, 1, 65_535, 65_536, 65_537, 1_000_000]) {
      const input = Buffer.alloc(size, Buffer.from([0, 255, 10, 13, 128, 65, 66]));
      const outcome = await under.call('echo', { input });
      expect(outcome.status).toBe('completed');
      expect(Buffer.compare(Buffer.from(outcome.output), input)).toBe(0);
    }
  });

  it('keeps what it has given: a later outcome does not write into an earlier one', async () => {
    const first = await under.call('echo', { input: Buffer.from('first') });
    await under.call('echo', { input: Buffer.from('later') });
    expect(textOf(first)).toBe('first');
  });

  it('passes args and environ as the bytes that the encoding says', async () => {
    const environ = ['NAME=value', 'LETTER=\u00e9'];
    const latin1 = await under.call('environ', { environ, encoding: 'latin1' });
    const utf8 = await under.call('environ', { environ });
    expect(Buffer.from(latin1.output).includes(Buffer.from('LETTER=\u00e9', 'latin1'))).toBe(true);
    expect(textOf(utf8)).toContain('LETTER=\u00e9');
  });

  it('takes an environ that is joined already', async () => {
    const environ = { text: 'A=1\0B=2\0', count: 2 };
    expect(textOf(await under.call('environ', { environ }))).toMatch(/A=1\s+B=2/);
  });

  it('refuses args and environ that are larger than 64 KiB', () => {
    const submit = (text: string) => () =>
      under.plane.submit(under.id('empty'), { args: [text], environ: [] }, () => undefined);
    expect(submit('x'.repeat(65_536))).toThrow(
      expect.objectContaining({ code: 'SLEDGE_ERR_INVOKE_PAYLOAD' }),
    );
    expect(submit('\u20ac'.repeat(30_000))).toThrow(
      expect.objectContaining({ code: 'SLEDGE_ERR_INVOKE_PAYLOAD' }),
    );
  });

  it.each([
    ['another tenant', 2],
    ['the same tenant, wrongly estimated', 1],
  ])('keeps no outcome back for long behind what runs for %s', async (_of, tenant) => {
    await under.add('fibonacci', { tenant: 1 });
    await under.add('endless_loop', { tenant, expectedExecutionUs: 5, wallTimeUs: 60_000_000 });
    await under.call('fibonacci', { args: ['5'] });
    const startEndless = (): { outcome: Promise<Outcome>; cancel: () => void } => {
      let id = 0;
      const outcome = new Promise<Outcome>((resolve) => {
        id = under.plane.submit(under.id('endless_loop'), { args: [], environ: [] }, resolve);
      });
      return { outcome, cancel: () => under.plane.cancel(id) };
    };
    const loader = startEndless(); // a first call loads the module, before which outcomes are given
    await new Promise((resolve) => setTimeout(resolve, 50));
    loader.cancel();
    await loader.outcome;

    const busyUntilAllAreQueued = under.call('fibonacci', { args: ['27'] });
    const first = under.call('fibonacci', { args: ['5'] });
    const second = startEndless();
    await busyUntilAllAreQueued;
    const earlier = await Promise.race([first, second.outcome]);
    expect(textOf(earlier)).toBe('5');
    second.cancel();
    await second.outcome;
  });

  it('refuses a NUL inside an argument', () => {
    const request = { args: ['a\0b'], environ: [] };
    expect(() => under.plane.submit(under.id('empty'), request, () => undefined)).toThrow(
      expect.objectContaining({ code: 'SLEDGE_ERR_NATIVE_ARGUMENT' }),
    );
  });

  it('ends a function that writes more than it may', async () => {
    await under.add('huge_output', { outputBytes: 1000 });
    const outcome = await under.call('huge_output', { args: ['100000'] });
    expect(outcome.status).toBe('output-limit');
    expect(outcome.output).toHaveLength(0);
    expect(outcome.error).toMatchObject({ code: 'SLEDGE_ERR_INVOKE_OUTPUT_LIMIT' });
  });

  it('hands stderr to the log and not to the caller', async () => {
    await under.add('cgi');
    const before = log.length;
    const ids = { requestId: 'r', traceId: 't' };
    const outcome = await under.call('cgi', { args: ['10'], ids });
    expect(log.slice(before).join('')).not.toBe('');
    expect(textOf(outcome)).not.toContain(log.at(-1));
    await under.call('cgi', { args: ['10'] });
    expect(loggedIds).toEqual([ids, undefined]);
  });
});

describe('the binding', () => {
  it('knows its version and a clock that counts from the start of the process', () => {
    const { binding } = loadBinding();
    expect(binding.version).toMatch(/^\d+\.\d+\.\d+$/);
    const now = binding.nowNs();
    expect(Number.isInteger(now)).toBe(true);
    expect(Math.abs(now / 1e9 - process.uptime())).toBeLessThan(5);
  });

  it('measures the machine', () => {
    const facts = loadBinding().binding.measureMachine();
    expect(facts['signalLatencyNs']).toBeGreaterThan(0);
    expect(facts['coresAllowed']).toBeGreaterThan(0);
  });
});
