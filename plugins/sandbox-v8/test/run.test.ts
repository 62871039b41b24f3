import { ERROR_CATALOGUE } from '@sledge/core';
import type { CallInput } from '../src/call';
import { limitMemory, readSections } from '../src/module-sections';
import { Runner, Status } from '../src/run';
import { Trap } from '../src/traps';
import { assemble, sample, type Parts } from './modules';

const runner = new Runner();
const given: CallInput = {
  argv: ['fn'],
  environ: [],
  input: new Uint8Array(0),
  maxOutputBytes: 1_000_000,
};

function run(wasm: Uint8Array, call: Partial<CallInput> = {}, limitPages = 256) {
  const module = new WebAssembly.Module(limitMemory(wasm, limitPages));
  const { output, ...rest } = runner.run(module, { ...given, ...call });
  return { ...rest, text: Buffer.from(output).toString('latin1') };
}

test('arguments, stdin and environ reach the function byte for byte', () => {
  expect(run(sample('fibonacci'), { argv: ['fib', '20'] })).toMatchObject({ text: '6765' });
  expect(run(sample('fibonacci'), { input: Buffer.from('10\n') })).toMatchObject({ text: '55' });
  const environ = ['A=1', 'B=\xe4\xff', 'C='];
  expect(run(sample('environ'), { environ }).text).toBe('A=1\nB=\xe4\xff\nC=\n');
  const input = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 31) % 256));
  expect(run(sample('echo'), { input }).text).toBe(input.toString('latin1'));
});

test('an exit code is told, zero is success, stderr is the log', () => {
  expect(run(sample('exit'), { argv: ['exit', '0'] })).toMatchObject({ status: Status.completed });
  expect(run(sample('exit'), { argv: ['exit', '7'] })).toMatchObject({
    status: Status.exited,
    detail: 7,
  });
  const failed = run(sample('exit'), { argv: ['exit', 'x'] });
  expect(failed).toMatchObject({ status: Status.exited, detail: 2 });
  expect(Buffer.from(failed.log).toString()).toMatch(/give a decimal exit code/);
});

test.each([
  ['trap_unreachable', Trap.unreachable],
  ['trap_out_of_bounds', Trap.memoryOutOfBounds],
  ['trap_division_by_zero', Trap.integerDivideByZero],
  ['trap_integer_overflow', Trap.integerOverflow],
  ['trap_indirect_call_mismatch', Trap.indirectCallMismatch],
  ['trap_stack_overflow', Trap.stackOverflow],
])('%s is trap %i', (name, detail) => {
  expect(run(sample(name))).toMatchObject({ status: Status.trapped, detail });
});

const ZERO = [0x41, 0];
const traps: [string, Parts, number][] = [
  ['NaN to integer', { code: [0x43, 0, 0, 0xc0, 0x7f, 0xa8, 0x1a] }, Trap.invalidConversion],
  ['remainder by zero', { code: [...ZERO, ...ZERO, 0x6f, 0x1a] }, Trap.integerDivideByZero],
  [
    'an index of call_indirect beyond the table',
    { table: [0, 1], code: [0x41, 5, 0x11, 0, 0] },
    Trap.undefinedElement,
  ],
  ['table.set beyond the table', { table: [0, 1], code: [0x41, 5, 0xd0, 0x70, 0x26, 0] }, 7],
  [
    'memory.fill beyond memory',
    { code: [0x41, 0xff, 0xff, 0x03, ...ZERO, 0x41, 16, 0xfc, 0x0b, 0] },
    Trap.memoryOutOfBounds,
  ],
];
test.each(traps)('%s is a trap', (_, parts, detail) => {
  expect(run(assemble(parts))).toMatchObject({ status: Status.trapped, detail });
});

test('a segment that does not fit fails the instantiation, not the worker', () => {
  const wasm = assemble({ data: [1, 0, 0x41, 0xff, 0xff, 0x03, 0x0b, 4, 1, 2, 3, 4] });
  expect(run(wasm)).toMatchObject({
    status: Status.failed,
    detail: ERROR_CATALOGUE.SLEDGE_ERR_MODULE_INITIALISE.number,
  });
});

test('output stops at its limit, exactly', () => {
  const call = { argv: ['x', '1000'], maxOutputBytes: 1_000 };
  expect(run(sample('huge_output'), call)).toMatchObject({ status: Status.completed });
  const over = run(sample('huge_output'), { ...call, maxOutputBytes: 999 });
  expect([over.status, over.text.length]).toEqual([Status.outputLimit, 999]);
});

test('memory grows to the limit and no further', () => {
  const { minPages } = readSections(sample('memory_growth')).memory ?? { minPages: 0 };
  const text = `grew from ${minPages} to 10 pages`;
  expect(run(sample('memory_growth'), {}, 10)).toMatchObject({ text });
  const own = limitMemory(sample('memory_growth'), 5);
  expect(readSections(limitMemory(own, 400)).memory?.maxPages).toBe(5);
});

test('each call has a fresh memory, globals and tables', () => {
  for (let i = 0; i < 20; i += 1) expect(run(sample('remembers')).text).toBe('0');
});
