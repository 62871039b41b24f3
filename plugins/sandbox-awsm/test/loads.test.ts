import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeSandbox, request, temporaryDirectory } from './support/builder';

const INCLUDE = join(__dirname, '../../../native/include');
const directory = temporaryDirectory();
const harness = join(directory, 'run-export');
const wasmPath = join(directory, 'loads.wasm');
const artifacts: Record<string, string> = {};
let wasm = new Uint8Array();

const SOURCE = readFileSync(join(__dirname, 'support/loads.wat'), 'utf8');
const EXPORTS = [...SOURCE.matchAll(/\(export "(\w+)"\)/g)].map((match) => match[1] ?? '');
const FITTING = 8000;
const BEYOND = 8193;

beforeAll(async () => {
  const source = join(__dirname, 'support/run-export.c');
  execFileSync('gcc', ['-O1', `-I${INCLUDE}`, '-o', harness, source, '-ldl']);
  execFileSync('wat2wasm', [join(__dirname, 'support/loads.wat'), '-o', wasmPath]);
  wasm = new Uint8Array(readFileSync(wasmPath));
  for (const compiler of ['clang-14', 'gcc']) {
    for (const safepoints of ['flag', 'off'] as const) {
      const sandbox = makeSandbox({ compiler, safepoints });
      const built = await sandbox.build(request(wasm, join(directory, 'cache')));
      artifacts[`${compiler} ${safepoints}`] = built.artifactPath;
    }
  }
});

/** For each argument. */
function run(artifact: string, name: string, ...given: number[]): string[] {
  const input = given.map((argument) => `${name} ${String(argument)}\n`).join('');
  const path = artifacts[artifact] ?? '';
  const answers = execFileSync(harness, [path], { encoding: 'utf8', input }).trim().split('\n');
  return answers.map((line) => (line.startsWith('trap') ? line : (line.split(' ')[0] ?? '')));
}

/** V8's answer, of a fresh instance. */
function reference(name: string, argument: number): string {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), {});
  const exported = instance.exports[name] as (n: number) => number;
  try {
    return String(exported(argument) >>> 0);
  } catch {
    return 'trap 2';
  }
}

describe.each(['clang-14 off', 'clang-14 flag', 'gcc off', 'gcc flag'])(
  'loads in loops, by %s',
  (artifact) => {
    test.each(EXPORTS)('%s computes what V8 computes', (name) => {
      const counts = [1, 2, 3, 100, FITTING];
      const expected = counts.map((count) => reference(name, count));
      expect(run(artifact, name, ...counts)).toEqual(expected);
    });

    test.each(EXPORTS)('%s traps out of bounds, used or not', (name) => {
      expect(reference(name, BEYOND)).toBe('trap 2');
      expect(run(artifact, name, BEYOND)).toEqual(['trap 2']);
    });
  },
);
