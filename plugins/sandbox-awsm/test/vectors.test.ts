import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lowerModule } from '../src/compiler/lower';
import { makeSandbox, request, temporaryDirectory } from './support/builder';
import { withBody } from './support/wasm';

const INCLUDE = join(__dirname, '../../../native/include');
const MEMORY_OUT_OF_BOUNDS = 'trap 2';
const MEMORY_BYTES = 65_536;
const directory = temporaryDirectory();
const harness = join(directory, 'run-export');
const wasmPath = join(directory, 'vectors.wasm');
const artifacts: Record<string, string> = {};
const BUILDS = [
  ['clang-14', 'flag'],
  ['clang-14', 'tsc'],
  ['gcc', 'flag'],
] as const;
let wasm = new Uint8Array();

beforeAll(async () => {
  const source = join(__dirname, 'support/run-export.c');
  execFileSync('gcc', ['-O1', `-I${INCLUDE}`, '-o', harness, source, '-ldl']);
  execFileSync('wat2wasm', [join(__dirname, 'support/vectors.wat'), '-o', wasmPath]);
  wasm = new Uint8Array(readFileSync(wasmPath));
  const cache = join(directory, 'cache');
  for (const [compiler, safepoints] of BUILDS) {
    const built = await makeSandbox({ compiler, safepoints }).build(request(wasm, cache));
    artifacts[`${compiler} ${safepoints}`] = built.artifactPath;
  }
  const development = request(wasm, cache, { level: 'development' });
  artifacts['clang-14 development'] = (await makeSandbox().build(development)).artifactPath;
});

/** V8's answer, of a fresh instance; undefined: it trapped. */
function reference(name: string, argument: number): number | undefined {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), {});
  try {
    return (instance.exports[name] as (n: number) => number)(argument) >>> 0;
  } catch {
    return undefined;
  }
}

function run(artifact: string, name: string, argument: number, by = 'flag'): string {
  const args = [artifacts[artifact] ?? '', name, String(argument), by];
  return execFileSync(harness, args, { encoding: 'utf8' }).trim();
}

const all = ['clang-14 flag', 'clang-14 tsc', 'clang-14 development', 'gcc flag'];

describe.each(all)('vectors compiled as %s', (artifact) => {
  test.each([
    ['many_live', 30_000, 20],
    ['through_memory', 30_000, 20],
    ['calls', 30_000, 20],
  ])('%s keeps what is live across safepoints that spoil registers', (name, argument, least) => {
    const by = artifact.endsWith('tsc') ? 'time' : 'flag';
    const [result, polls] = run(artifact, name, argument, by).split(' ').map(Number);
    expect(result).toBe(reference(name, argument));
    expect(polls).toBeGreaterThanOrEqual(least);
  });

  test('travel through blocks, branches and selects', () => {
    for (let n = 0; n < 16; n++) {
      const [result] = run(artifact, 'carried', n).split(' ').map(Number);
      expect([n, result]).toEqual([n, reference('carried', n)]);
    }
  });

  test('make NaN where the specification does', () => {
    for (const n of [0, 1]) {
      const [result] = run(artifact, 'not_numbers', n).split(' ').map(Number);
      expect([n, result]).toEqual([n, reference('not_numbers', n)]);
    }
  });

  test.each([
    ['load', 16],
    ['load_unused', 16],
    ['load_extended_unused', 8],
    ['load_splat_unused', 8],
    ['load_zero_unused', 4],
    ['load_lane_unused', 8],
    ['store', 16],
    ['store_lane', 4],
  ])('%s traps from the first byte out of bounds on', (name, bytes) => {
    const last = MEMORY_BYTES - bytes;
    expect(run(artifact, name, last)).toMatch(new RegExp(`^${String(reference(name, last))} `));
    for (const at of [last + 1, MEMORY_BYTES, 0xffffffff]) {
      expect(reference(name, at)).toBeUndefined();
      expect([at, run(artifact, name, at)]).toEqual([at, MEMORY_OUT_OF_BOUNDS]);
    }
    expect(run(artifact, 'load_far', 0xffffffff)).toBe(MEMORY_OUT_OF_BOUNDS);
  });
});

test('only a module that uses vectors pays for them in the compiler', () => {
  const options = { linkable: false, polled: true, readsTime: false, strictFloat: false };
  expect(lowerModule(wasm, options).header).toContain('"vector.h"');
  const scalar = lowerModule(withBody([0x41, 1, 0x1a, 0x0b]), options);
  expect(scalar.header).not.toContain('vector');
  const inABlock = withBody([0x00, 0x02, 0x7b, 0x00, 0x0b, 0x1a, 0x0b]);
  expect(lowerModule(inABlock, options).header).toContain('"vector.h"');
});
