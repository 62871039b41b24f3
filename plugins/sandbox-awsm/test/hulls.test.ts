import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuickBuilder } from '../../../test/fuzz/build';
import { decodeModule } from '../src/compiler/decode';
import { lowerModule } from '../src/compiler/lower';
import { temporaryDirectory } from './support/builder';

const INCLUDE = join(__dirname, '../../../native/include');
const SOURCE = join(__dirname, 'support/hulls.wat');
const directory = temporaryDirectory();
const harness = join(directory, 'run-export');
const builder = new QuickBuilder(join(directory, 'modules'));
const exported = [...readFileSync(SOURCE, 'utf8').matchAll(/\(export "(\w+)"\)/g)];
const names = exported.map((match) => match[1] ?? '');
/** The last that fit and the first that do not, by what the loops add; all the way around at 0. */
const COUNTS = [0, 1, 2, 7, 9, 99, 102, 5400, 5463, 8190, 8191, 8192, 8193];
type Pair = readonly [name: string, count: number];
const PAIRS: readonly Pair[] = names.flatMap((name) => COUNTS.map((count) => [name, count]));
const TRAPS = ['', 'unreachable', 'memory access out of bounds', '', 'divide by zero'];
const polled = { level: 'O3', polled: true } as const;
const unpolled = { level: 'O3', polled: false } as const;
let wasm = new Uint8Array();
const expected = new Map<string, string>();

beforeAll(() => {
  const source = join(__dirname, 'support/run-export.c');
  execFileSync('gcc', ['-O1', `-I${INCLUDE}`, '-o', harness, source, '-ldl']);
  const path = join(directory, 'hulls.wasm');
  execFileSync('wat2wasm', [SOURCE, '-o', path]);
  wasm = new Uint8Array(readFileSync(path));
  for (const [name, count] of PAIRS) {
    expected.set(`${name} ${String(count)}`, reference(name, count));
  }
});

/** V8's answer, of a fresh instance. */
function reference(name: string, argument: number): string {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), {});
  try {
    return String((instance.exports[name] as (n: number) => number)(argument) >>> 0);
  } catch (error) {
    return `trap ${String(TRAPS.findIndex((text) => text === (error as Error).message))}`;
  }
}

function differences(artifact: string, pairs: readonly Pair[] = PAIRS): string[] {
  const input = pairs.map(([name, count]) => `${name} ${String(count)}\n`).join('');
  const answers = execFileSync(harness, [artifact], { encoding: 'utf8', input }).split('\n');
  return pairs.flatMap(([name, count], i) => {
    const answer = answers[i] ?? '';
    const got = answer.startsWith('trap') ? answer : (answer.split(' ')[0] ?? '');
    const call = `${name} ${String(count)}`;
    const wanted = expected.get(call) ?? '';
    return got === wanted ? [] : [`${call}: ${got}, not ${wanted}`];
  });
}

/** Names of exported functions whose loop is asked before it begins, by number of probes. */
function probed(): Record<string, number> {
  const options = { linkable: false, polled: false, readsTime: false, strictFloat: false };
  const text = lowerModule(wasm, options)
    .sources.map((source) => source.text)
    .join('');
  const bodies = text.split('\nFN ');
  const { exports } = decodeModule(wasm);
  const counts = exports.map(({ index, name }) => {
    const body = bodies.find((each) => each.includes(` w${String(index)}(`)) ?? '';
    return [Buffer.from(name).toString(), body.split('loop_probe(').length - 1] as const;
  });
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

test('loops that a probe could not answer for have none', () => {
  expect(probed()).toEqual({
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
  });
});

test.each([polled, unpolled])('probed loops answer and trap as in V8: %j', async (choice) => {
  expect(differences(await builder.build(wasm, choice))).toEqual([]);
});

/** A mistake in the generated C, and a call that answers otherwise then. */
const PLANTED: [string, RegExp, string, string, number][] = [
  ['no probe', /loop_probe\(.*;/g, ';', 'down', 8193],
  ['one iteration less', /, trips, /g, ', trips - 1, ', 'past_0', 9],
  ['a byte less', /, (\d+)ull\)/g, ', $1ull - 4)', 'neighbours', 8192],
  ['no force', /(_load\w*?)(?:_covered)?\(/g, '$1_covered(', 'two_ways', 8193],
];

test.each(PLANTED)('a planted mistake is seen: %s', async (_, right, wrong, name, count) => {
  const plant = (text: string): string => text.replace(right, wrong);
  const artifact = await builder.build(wasm, { ...unpolled, plant });
  expect(differences(artifact, [[name, count]])).toHaveLength(1);
});
