import { decodeModule } from '../src/compiler/decode';
import { checkModule } from '../src/compiler/analyse';
import { lowerModule } from '../src/compiler/lower';
import { MODULE_LIMITS } from '../src/compiler/limits';
import { WasmProblem } from '../src/compiler/problem';
import { leb, MAGIC, module, name, section, vector, withBody } from './support/wasm';

function problem(bytes: Uint8Array): WasmProblem {
  try {
    checkModule(decodeModule(bytes));
  } catch (error) {
    if (error instanceof WasmProblem) return error;
    throw error;
  }
  throw new Error('the module was accepted');
}

const repeat = (count: number, bytes: readonly number[]): number[] =>
  Array.from({ length: count }, () => bytes).flat();

describe('malformed modules are named with the byte where they go wrong', () => {
  test.each([
    ['an empty file', [], 'unexpected end', 0],
    ['another magic number', [0x7f, 0x45, 0x4c, 0x46, 1, 0, 0, 0], 'magic header not detected', 0],
    ['another version', [0, 0x61, 0x73, 0x6d, 2, 0, 0, 0], 'unknown binary version', 4],
    ['an unknown section', [...MAGIC, 99, 0], 'malformed section id', 8],
    ['a section beyond the end', [...MAGIC, 1, 5, 0], 'length out of bounds', 8],
    [
      'sections out of order',
      [...MAGIC, ...section(3, [0]), ...section(1, [0])],
      'unexpected content after last section',
      11,
    ],
    [
      'a number longer than five bytes',
      [...MAGIC, 1, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
      'integer representation too long',
      10,
    ],
    [
      'a number over 32 bits',
      [...MAGIC, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x7f],
      'integer too large',
      10,
    ],
    ['a name that is not UTF-8', [...MAGIC, 0, 2, 1, 0xff], 'malformed UTF-8 encoding', 10],
  ])('%s', (_, bytes, reason, offset) => {
    const found = problem(Uint8Array.from(bytes));
    expect([found.kind, found.reason, found.offset]).toEqual(['malformed', reason, offset]);
  });

  test('a body that ends before its end instruction', () => {
    expect(problem(withBody([0x41, 0]))).toMatchObject({ kind: 'malformed' });
  });

  test('an unknown opcode, with its offset', () => {
    const bytes = withBody([0x27, 0x0b]);
    expect(problem(bytes)).toMatchObject({
      kind: 'malformed',
      reason: 'illegal opcode',
      offset: bytes.length - 2,
    });
  });

  test.each([0x9a, 0xa2, 0xaf, 0xbb, 0xc2, 0xcf, 0xd4, 0xe2, 0xee, 0x114, 0xffff])(
    'the vector opcode 0x%s, which is none',
    (number) => {
      expect(problem(withBody([0xfd, ...leb(number), 0x0b]))).toMatchObject({
        kind: 'malformed',
        reason: 'illegal opcode',
      });
    },
  );

  test('every prefix of a real module is refused', () => {
    const whole = withBody([0x41, 1, 0x1a, 0x0b]);
    for (let length = 0; length < whole.length; length++) {
      const cut = whole.subarray(0, length);
      if (WebAssembly.validate(new Uint8Array(cut))) continue;
      expect(problem(cut)).toBeInstanceOf(WasmProblem);
    }
  });
});

describe('what is unsupported is refused by the name of the feature', () => {
  const memory = (flags: number): Uint8Array => module(section(5, vector([[flags, 1, 1]])));
  const extended = [0x41, 1, 0x41, 1, 0x6a, 0x0b];
  test.each([
    ['relaxed SIMD', withBody([0xfd, 0x80, 0x02, 0x0b])],
    ['threads', withBody([0xfe, 0x03, 0, 0x0b])],
    ['threads', memory(3)],
    ['memory64', memory(5)],
    ['tail calls', withBody([0x12, 0, 0x0b])],
    ['exception handling', withBody([0x06, 0x40, 0x0b, 0x0b])],
    ['exception handling', module(section(13, [1, 0, 0]))],
    ['garbage collection', withBody([0xfb, 0, 0x0b])],
    ['garbage collection', module(section(1, vector([[0x5f, 0]])))],
    ['typed function references', withBody([0x14, 0, 0x0b])],
    [
      'multiple memories',
      module(
        section(
          5,
          vector([
            [0, 1],
            [0, 1],
          ]),
        ),
      ),
    ],
    ['extended constant expressions', module(section(6, vector([[0x7f, 0, ...extended]])))],
  ])('%s', (feature, bytes) => {
    expect(problem(bytes)).toMatchObject({ kind: 'unsupported', reason: feature });
  });
});

describe('sizes are bounded', () => {
  test('nesting deeper than the limit is refused, at the limit it is not', () => {
    const nested = (depth: number): Uint8Array =>
      withBody([...repeat(depth, [0x02, 0x40]), ...repeat(depth, [0x0b]), 0x0b]);
    expect(problem(nested(MODULE_LIMITS.nesting))).toMatchObject({ kind: 'limit' });
    expect(() => checkModule(decodeModule(nested(MODULE_LIMITS.nesting - 1)))).not.toThrow();
  });

  test('more locals than the limit are refused', () => {
    const locals = (count: number): Uint8Array =>
      module(
        section(1, vector([[0x60, 0, 0]])),
        section(3, vector([[0]])),
        section(10, vector([[...leb(leb(count).length + 3), 1, ...leb(count), 0x7f, 0x0b]])),
      );
    expect(problem(locals(MODULE_LIMITS.locals + 1))).toMatchObject({ kind: 'limit' });
    expect(() => checkModule(decodeModule(locals(MODULE_LIMITS.locals)))).not.toThrow();
    expect(problem(locals(0xffffffff))).toMatchObject({ kind: 'limit' });
  });

  test('a vector that claims more items than bytes follow is refused at once', () => {
    expect(problem(module(section(1, leb(0x0fffffff))))).toMatchObject({
      reason: 'unexpected end',
    });
  });

  test('state that does not fit below linear memory is refused', () => {
    const globals = vector(repeat(9000, [0]).map(() => [0x7e, 1, 0x42, 0, 0x0b]));
    const options = { linkable: false, polled: false, readsTime: false, strictFloat: false };
    expect(() => lowerModule(module(section(6, globals)), options)).toThrow(/globals and tables/);
  });
});

test('a name of the module never reaches the text of the C source', () => {
  const evil = 'EVIL"\\\n*/ #include "EVIL.h"\u2028??/';
  const options = { linkable: false, polled: false, readsTime: false, strictFloat: false };
  const bytes = module(
    section(1, vector([[0x60, 0, 0]])),
    section(2, vector([[...name(evil), ...name(evil), 0, 0]])),
    section(3, vector([[0]])),
    section(7, vector([[...name(evil), 0, 1]])),
    section(10, vector([[2, 0, 0x0b]])),
    section(0, [...name('name'), ...name(evil)]),
  );
  const lowered = lowerModule(bytes, options);
  const text = lowered.header + lowered.sources.map((source) => source.text).join('');
  expect(text).not.toMatch(/EVIL|\u2028|\?\?/);
  expect(text).toContain([...Buffer.from('EVIL')].join(','));
});
