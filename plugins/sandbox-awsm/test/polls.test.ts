import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeSandbox, request, temporaryDirectory } from './support/builder';

const INCLUDE = join(__dirname, '../../../native/include');
const directory = temporaryDirectory();
const harness = join(directory, 'polls');
const wasmPath = join(directory, 'polls.wasm');
const artifacts: Record<string, string> = {};
let wasm = new Uint8Array();

/** Each export, its argument, and how often it must look at the flag at least. */
const CASES: [string, number, number][] = [
  ['counted_up', 1_000_000, 200],
  ['counted_down', 1_000_000, 200],
  ['counted_by_twelve', 300_000, 100],
  ['passes_its_limit', 1_000_000, 200],
  ['nested', 100_000, 200],
  ['searches', 97, 0],
  ['recursive', 18, 5000],
  ['calls', 100_000, 200],
  ['floats', 100_000, 50],
  ['bulk', 5, 30],
];

beforeAll(async () => {
  const source = join(__dirname, 'support/run-export.c');
  execFileSync('gcc', ['-O1', `-I${INCLUDE}`, '-o', harness, source, '-ldl']);
  execFileSync('wat2wasm', [join(__dirname, 'support/polls.wat'), '-o', wasmPath]);
  wasm = new Uint8Array(readFileSync(wasmPath));
  for (const compiler of ['clang-14', 'gcc']) {
    for (const safepoints of ['flag', 'tsc', 'off'] as const) {
      const sandbox = makeSandbox({ compiler, safepoints });
      const built = await sandbox.build(request(wasm, join(directory, 'cache')));
      artifacts[`${compiler} ${safepoints}`] = built.artifactPath;
    }
  }
});

/** V8's answer, of a fresh instance. */
function reference(name: string, argument: number): number {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), {});
  const exported = instance.exports[name] as (n: number) => number;
  return exported(argument) >>> 0;
}

/** `by`: why safepoints call the host; 'time' is that the time to leave is always over. */
function run(
  artifact: string,
  name: string,
  argument: number,
  by: 'flag' | 'time' | 'nothing' = 'flag',
): number[] {
  const path = artifacts[artifact] ?? '';
  const answer = execFileSync(harness, [path, name, String(argument), by], { encoding: 'utf8' });
  return answer.trim().split(' ').map(Number);
}

describe.each(['clang-14', 'gcc'])('safepoints of %s', (compiler) => {
  test.each(CASES)('%s looks at the flag and computes the same', (name, argument, least) => {
    const [result, polls, gap] = run(`${compiler} flag`, name, argument);
    expect(result).toBe(reference(name, argument));
    expect(polls).toBeGreaterThanOrEqual(least);
    expect(gap).toBeGreaterThan(0);
  });

  test.each(CASES)('%s sees that its time is over, if it reads it', (name, argument, least) => {
    const expected = reference(name, argument);
    const [flagResult, looks = 0] = run(`${compiler} tsc`, name, argument);
    const [result, polls = 0] = run(`${compiler} tsc`, name, argument, 'time');
    expect([flagResult, result]).toEqual([expected, expected]);
    expect(polls).toBeLessThanOrEqual(looks);
    expect(polls).toBeGreaterThanOrEqual(name === 'recursive' ? 10 : Math.floor(least / 2));
    expect(run(`${compiler} tsc`, name, argument, 'nothing').slice(0, 2)).toEqual([expected, 0]);
    expect(run(`${compiler} flag`, name, argument, 'time').slice(0, 2)).toEqual([expected, 0]);
  });

  test.each(CASES)('%s never looks without safepoints', (name, argument) => {
    const [result, polls, gap] = run(`${compiler} off`, name, argument);
    expect([result, polls, gap]).toEqual([reference(name, argument), 0, 0]);
  });

  test.each([0, 1, 2, 7, 8, 9, 1599, 1600, 1601, 2000, 4001])(
    'counted loops of %i iterations end where they should',
    (count) => {
      for (const name of ['counted_up', 'counted_down', 'counted_by_twelve']) {
        if (count === 0) continue;
        const [result] = run(`${compiler} flag`, name, count);
        expect([name, result]).toEqual([name, reference(name, count)]);
      }
    },
  );
});
