import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuickBuilder } from '../../../test/fuzz/build';
import { Random } from '../../../test/fuzz/random';
import { decodeModule } from '../src/compiler/decode';
import { lowerModule } from '../src/compiler/lower';
import { temporaryDirectory } from './support/builder';
import { randomLoops } from './support/random-loops';

const INCLUDE = join(__dirname, '../../../native/include');
const SOURCE = join(__dirname, 'support/hulls.wat');
const directory = temporaryDirectory();
const harness = join(directory, 'run-export');
const builder = new QuickBuilder(join(directory, 'modules'));
/** The last that fit and the first that do not, by what the loops add; all the way around at 0. */
const COUNTS = [0, 1, 2, 7, 9, 99, 102, 5400, 5463, 8190, 8191, 8192, 8193];
const RANDOM_COUNTS = [1, 2, 5, 48, 1023, 4096, 8185, 8192, 8193, 60_000];
const RANDOM_MODULES = process.env['SLEDGE_TEST_LONG'] === '1' ? 400 : 1;
const LOOPS_PER_MODULE = 50;
const TRAPS = ['', 'unreachable', 'memory access out of bounds', '', 'divide by zero'];
const polled = { level: 'O3', polled: true } as const;
const unpolled = { level: 'O3', polled: false } as const;

interface Call {
  readonly name: string;
  readonly count: number;
  readonly expected: string;
}

let wasm = new Uint8Array();
let calls: readonly Call[] = [];

beforeAll(() => {
  const source = join(__dirname, 'support/run-export.c');
  execFileSync('gcc', ['-O1', `-I${INCLUDE}`, '-o', harness, source, '-ldl']);
  wasm = assemble(SOURCE);
  calls = callsOf(wasm, COUNTS);
});

function assemble(path: string): Uint8Array<ArrayBuffer> {
  const to = join(directory, 'assembled.wasm');
  execFileSync('wat2wasm', [path, '-o', to]);
  return new Uint8Array(readFileSync(to));
}

/** Every exported function with every count, and V8's answers, each of a fresh instance. */
function callsOf(bytes: Uint8Array<ArrayBuffer>, counts: readonly number[]): Call[] {
  const compiled = new WebAssembly.Module(bytes);
  return WebAssembly.Module.exports(compiled).flatMap(({ name }) =>
    counts.map((count) => ({ name, count, expected: reference(compiled, name, count) })),
  );
}

function reference(compiled: WebAssembly.Module, name: string, argument: number): string {
  const instance = new WebAssembly.Instance(compiled, {});
  try {
    return String((instance.exports[name] as (n: number) => number)(argument) >>> 0);
  } catch (error) {
    return `trap ${String(TRAPS.findIndex((text) => text === (error as Error).message))}`;
  }
}

function differences(artifact: string, made: readonly Call[]): string[] {
  const input = made.map(({ name, count }) => `${name} ${String(count)}\n`).join('');
  const answers = execFileSync(harness, [artifact], { encoding: 'utf8', input }).split('\n');
  return made.flatMap(({ name, count, expected }, i) => {
    const answer = answers[i] ?? '';
    const got = answer.startsWith('trap') ? answer : (answer.split(' ')[0] ?? '');
    return got === expected ? [] : [`${name} ${String(count)}: ${got}, not ${expected}`];
  });
}

/** Names of exported functions whose loop is asked before it begins, by number of probes. */
function probed(bytes: Uint8Array): Record<string, number> {
  const options = { linkable: false, polled: false, readsTime: false, strictFloat: false };
  const lowered = lowerModule(bytes, options);
  const bodies = lowered.sources.flatMap((source) => source.text.split('\nFN '));
  const counts = decodeModule(bytes).exports.map(({ index, name }) => {
    const body = bodies.find((each) => each.includes(` w${String(index)}(`)) ?? '';
    return [Buffer.from(name).toString(), body.split('loop_probe(').length - 1] as const;
  });
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

test('loops that a probe could not answer for have none', () => {
  expect(probed(wasm)).toEqual({
    sometimes_where_always: 1,
    not_at_the_end: 1,
    behind_a_branch: 1,
    divides_by_known: 1,
    down: 1,
    past_0: 1,
    past_the_top: 1,
    neighbour: 1,
    neighbours: 1,
    by_three: 1,
    stays: 1,
    behind_the_loop: 1,
    vectors: 1,
    scaled: 2,
    far: 1,
  });
});

test.each([polled, unpolled])('probed loops answer and trap as in V8: %j', async (choice) => {
  expect(differences(await builder.build(wasm, choice), calls)).toEqual([]);
});

/** A mistake in the generated C, and a call that answers otherwise then. */
const PLANTED: [string, RegExp, string, string, number][] = [
  ['one iteration less', /, trips, /g, ', trips - 1, ', 'past_0', 9],
  ['a byte less', /, (\d+)ull\)/g, ', $1ull - 4)', 'neighbours', 8192],
  ['no force', /(_load\w*?)(?:_covered)?\(/g, '$1_covered(', 'two_ways', 8193],
];

test.each(PLANTED)('a planted mistake is seen: %s', async (_, right, wrong, name, count) => {
  const plant = (text: string): string => text.replace(right, wrong);
  const artifact = await builder.build(wasm, { ...unpolled, plant });
  const made = calls.filter((call) => call.name === name && call.count === count);
  expect(differences(artifact, made)).toHaveLength(1);
});

test('random loops answer and trap as in V8', async () => {
  let [asked, trapped, ended] = [0, 0, 0];
  for (let seed = 1; seed <= RANDOM_MODULES; seed++) {
    const path = join(directory, 'random.wat');
    writeFileSync(path, randomLoops(new Random(seed), LOOPS_PER_MODULE));
    const bytes = assemble(path);
    const made = callsOf(bytes, RANDOM_COUNTS);
    asked += Object.keys(probed(bytes)).length;
    trapped += made.filter(({ expected }) => expected.startsWith('trap')).length;
    const artifact = await builder.build(bytes, seed % 2 === 0 ? polled : unpolled);
    expect([seed, differences(artifact, made)]).toEqual([seed, []]);
    ended += made.length;
    builder.remove(artifact);
  }
  const loops = RANDOM_MODULES * LOOPS_PER_MODULE;
  console.log(
    `${String(loops)} random loops, ${String(asked)} with probes; ${String(trapped)} of ` +
      `${String(ended)} calls trapped; 20000 loops with SLEDGE_TEST_LONG=1`,
  );
}, 3_600_000);
