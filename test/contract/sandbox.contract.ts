import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSledge } from '@sledge/core';
import type { InvocationRequest, Outcome, Sledge, SledgeConfigInput } from '@sledge/core';
import { assemble, type Parts } from '../../plugins/sandbox-v8/test/modules';

type FunctionInput = NonNullable<
  NonNullable<SledgeConfigInput['tenants']>[number]['functions']
>[number];

const WALL_TIME_US = 200_000;
/** Of what ends by itself, also where the machine stands still for seconds. */
const LONG_US = 60_000_000;
const samples = path.join(__dirname, '../../functions');
const ZERO = [0x41, 0];

/** Written by hand: what the sample functions do not do. */
const handmade: Record<string, Parts> = {
  invalid_conversion: { code: [0x43, 0, 0, 0xc0, 0x7f, 0xa8, 0x1a] },
  remainder_by_zero: { code: [...ZERO, ...ZERO, 0x6f, 0x1a] },
  undefined_element: { table: [0, 1], code: [0x41, 5, 0x11, 0, 0] },
  uninitialized_element: { table: [0, 1], code: [...ZERO, 0x11, 0, 0] },
  table_out_of_bounds: { table: [0, 1], code: [0x41, 5, 0xd0, 0x70, 0x26, 0] },
  fill_out_of_bounds: { code: [0x41, 0xff, 0xff, 3, ...ZERO, 0x41, 16, 0xfc, 0x0b, 0] },
};

const limits: Record<string, FunctionInput['limits']> = {
  huge_output: { outputBytes: 1_000 },
  memory_growth: { memoryBytes: 20 * 65_536 },
};

const names = [
  'cgi',
  'echo',
  'empty',
  'endless_loop',
  'environ',
  'exit',
  'fibonacci',
  'hash',
  'huge_output',
  'memory_growth',
  'remembers',
  'trap_division_by_zero',
  'trap_indirect_call_mismatch',
  'trap_integer_overflow',
  'trap_out_of_bounds',
  'trap_stack_overflow',
  'trap_unreachable',
];

const request = (given: Partial<InvocationRequest> = {}): InvocationRequest => ({
  args: [],
  environ: [],
  ...given,
});

const textOf = (outcome: Outcome): string => Buffer.from(outcome.output).toString('latin1');

/** How every sandbox has to run functions; each sandbox plugin's test file calls it. */
export function describeSandbox(sandbox: string, pick: { [trap: string]: string[] } = {}): void {
  let folder: string;
  let sledge: Sledge;
  const logged: string[] = [];

  const configWith = (functions: FunctionInput[]): SledgeConfigInput => ({
    workers: { count: 1, idle: 'block' },
    arena: { slots: 16 },
    sandbox,
    log: { level: 'silent' },
    build: { cacheDirectory: path.join(folder, 'cache'), level: 'development' },
    tenants: [{ name: 't', functions }],
  });
  const call = (name: string, given: Partial<InvocationRequest> = {}): Promise<Outcome> =>
    sledge.invoke(name, request(given));

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'sledge-contract-'));
    const files = names.map((name) => [name, path.join(samples, `${name}.wasm`)] as const);
    const made = Object.entries(handmade).map(([name, parts]) => {
      const file = path.join(folder, `${name}.wasm`);
      writeFileSync(file, assemble(parts));
      return [name, file] as const;
    });
    const functions = [...files, ...made].map(([name, file]) => ({
      name,
      path: file,
      limits: { wallTimeUs: name === 'endless_loop' ? WALL_TIME_US : LONG_US, ...limits[name] },
    }));
    sledge = createSledge(configWith(functions), {
      withTransports: false,
      onFunctionLog: (_, text) => logged.push(Buffer.from(text).toString()),
    });
    await sledge.start();
  }, 600_000);

  afterAll(async () => {
    await sledge.stop();
    rmSync(folder, { recursive: true });
  });

  test('arguments, stdin and environ reach the function byte for byte', async () => {
    expect(textOf(await call('fibonacci', { args: ['20'] }))).toBe('6765');
    expect(textOf(await call('fibonacci', { input: Buffer.from('10') }))).toBe('55');
    const environ = ['A=1', 'B=\xe4\xff', 'C='];
    const outcome = await call('environ', { environ, encoding: 'latin1' });
    expect(textOf(outcome)).toBe('A=1\nB=\xe4\xff\nC=\n');
    const block = { text: 'X=1\0Y=2\0', count: 2 };
    expect(textOf(await call('environ', { environ: block }))).toBe('X=1\nY=2\n');
    const input = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31) % 256));
    expect(input.equals((await call('echo', { input })).output)).toBe(true);
  });

  test('success, exit codes and times are told', async () => {
    const empty = await call('empty');
    expect([empty.status, empty.error, empty.output.length]).toEqual(['completed', undefined, 0]);
    expect(empty.times.totalNs).toBeGreaterThanOrEqual(empty.times.runNs);
    expect((await call('exit', { args: ['0'] })).status).toBe('completed');
    for (const code of [1, 7, 255]) {
      const outcome = await call('exit', { args: [String(code)] });
      expect(outcome).toMatchObject({ status: 'exited', exitCode: code });
      expect(outcome.error?.code).toBe('SLEDGE_ERR_INVOKE_EXITED');
    }
  });

  test('stderr goes to the log and not to the answer', async () => {
    logged.length = 0;
    const outcome = await call('fibonacci', { args: ['many'] });
    expect([outcome.status, textOf(outcome)]).toEqual(['exited', '']);
    expect(logged.join('')).toMatch(/fibonacci: give a decimal number/);
  });

  test.each([
    ['trap_unreachable', 'unreachable'],
    ['trap_out_of_bounds', 'memory out of bounds'],
    ['fill_out_of_bounds', 'memory out of bounds'],
    ['trap_division_by_zero', 'integer divide by zero'],
    ['remainder_by_zero', 'integer divide by zero'],
    ['trap_integer_overflow', 'integer overflow'],
    ['invalid_conversion', 'invalid conversion to integer'],
    ['trap_indirect_call_mismatch', 'indirect call type mismatch'],
    ['undefined_element', 'undefined element'],
    ['uninitialized_element', 'uninitialized element'],
    ['table_out_of_bounds', 'table out of bounds'],
    ['trap_stack_overflow', 'stack overflow'],
  ])('%s ends its invocation as the trap "%s", and the next one runs', async (name, trap) => {
    const outcome = await call(name);
    expect(outcome.status).toBe('trapped');
    expect([trap, ...(pick[trap] ?? [])]).toContain(outcome.trap);
    const code = outcome.trap === 'stack overflow' ? 'STACK_LIMIT' : 'TRAPPED';
    expect(outcome.error?.code).toBe(`SLEDGE_ERR_INVOKE_${code}`);
    expect(textOf(await call('fibonacci', { args: ['10'] }))).toBe('55');
  });

  test('a function that does not end is killed at its limit, and others run again', async () => {
    for (let i = 0; i < 3; i += 1) {
      const outcome = await call('endless_loop');
      expect(outcome.status).toBe('timed-out');
      expect(outcome.error?.code).toBe('SLEDGE_ERR_INVOKE_TIME_LIMIT');
      expect(outcome.times.runNs).toBeGreaterThanOrEqual(WALL_TIME_US * 1_000);
      expect(textOf(await call('fibonacci', { args: ['10'] }))).toBe('55');
    }
  });

  test('output stops at its limit, exactly', async () => {
    expect((await call('huge_output', { args: ['1000'] })).status).toBe('completed');
    const over = await call('huge_output', { args: ['1001'] });
    expect(over.status).toBe('output-limit');
    expect(over.error?.code).toBe('SLEDGE_ERR_INVOKE_OUTPUT_LIMIT');
  });

  test('memory grows to its limit and no further', async () => {
    expect(textOf(await call('memory_growth'))).toMatch(/^grew from \d+ to 20 pages$/);
  });

  test('nothing of an invocation is left for the next', async () => {
    for (let i = 0; i < 30; i += 1) {
      expect(textOf(await call('remembers'))).toBe('0');
      if (i % 5 === 0) await call('trap_out_of_bounds');
    }
  });

  test('many at once get each their own outcome', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 300 }, (_, i) => {
        if (i % 10 === 9) return call('exit', { args: [String(i % 200)] });
        return call('echo', { input: Buffer.from(`<${i}>`) });
      }),
    );
    outcomes.forEach((outcome, i) => {
      if (i % 10 === 9) expect(outcome.exitCode).toBe(i % 200);
      else expect(textOf(outcome)).toBe(`<${i}>`);
    });
  });

  test('a module that starts with more memory than its limit is refused', async () => {
    const fn = { name: 'm', path: path.join(samples, 'empty.wasm'), limits: { memoryBytes: 0 } };
    const refused = createSledge(configWith([fn]), { withTransports: false });
    await expect(refused.start()).rejects.toMatchObject({ code: 'SLEDGE_ERR_MODULE_MEMORY' });
  });

  test.each([
    ['text', Buffer.from('text'), /^SLEDGE_ERR_BUILD_MALFORMED$/],
    ['wrong code', assemble({ code: [0x6a] }), /^SLEDGE_ERR_BUILD_INVALID$/],
    ['a foreign import', assemble({ imports: [['env', 'f', 0]] }), /^SLEDGE_ERR_MODULE_IMPORT$/],
    ['no _start', assemble({ startName: 'main' }), /^SLEDGE_ERR_MODULE_ENTRY$/],
  ])('%s is refused before anything is served', async (_, wasm, code) => {
    const file = path.join(folder, 'refused.wasm');
    writeFileSync(file, wasm);
    const refused = createSledge(configWith([{ name: 'r', path: file }]), {
      withTransports: false,
    });
    await expect(refused.start()).rejects.toMatchObject({
      code: expect.stringMatching(code) as unknown,
    });
  });
}
