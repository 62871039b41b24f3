import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkModule } from '../src/compiler/analyse';
import { decodeModule } from '../src/compiler/decode';
import { lowerModule } from '../src/compiler/lower';
import { WasmProblem } from '../src/compiler/problem';

const FUNCTIONS = join(__dirname, '../../../functions');
const MUTANTS_PER_MODULE = process.env['SLEDGE_TEST_LONG'] === '1' ? 5000 : 150;
const BYTES_MAX = process.env['SLEDGE_TEST_LONG'] === '1' ? 40_000 : 20_000;

function ours(bytes: Uint8Array): string {
  try {
    checkModule(decodeModule(bytes));
    return 'accepted';
  } catch (error) {
    if (error instanceof WasmProblem) return error.kind;
    throw error;
  }
}

/** xorshift32, so that a failure can be repeated. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const mutant = Uint8Array.from(bytes);
  const changes = 1 + (random() % 3);
  for (let i = 0; i < changes; i++) {
    mutant[8 + (random() % (mutant.length - 8))] = random() % 3 === 0 ? random() % 8 : random();
  }
  return mutant;
}

const samples = readdirSync(FUNCTIONS)
  .filter((file) => file.endsWith('.wasm'))
  .map((file) => ({ file, bytes: readFileSync(join(FUNCTIONS, file)) }))
  .filter(({ bytes }) => bytes.length <= BYTES_MAX);

describe('WebAssembly.validate is the second opinion on every module', () => {
  test.each(samples)('$file is accepted as it is', ({ bytes }) => {
    expect(ours(bytes)).toBe('accepted');
  });

  test.each(samples)(
    `$file, ${MUTANTS_PER_MODULE} times damaged, is judged alike`,
    ({ file, bytes }) => {
      const random = randomNumbers(file.length * 7919 + bytes.length);
      const differing: string[] = [];
      for (let i = 0; i < MUTANTS_PER_MODULE; i++) {
        const mutant = mutate(bytes, random);
        const verdict = ours(mutant);
        const valid = WebAssembly.validate(new Uint8Array(mutant));
        const agreed = valid
          ? verdict === 'accepted' || verdict === 'unsupported' || verdict === 'limit'
          : verdict !== 'accepted';
        if (!agreed) differing.push(`mutant ${i}: ${verdict}, V8 says ${String(valid)}`);
        if (verdict === 'accepted' && i % 16 === 0) lower(mutant);
      }
      expect(differing).toEqual([]);
    },
    120_000,
  );
});

/** Whatever is valid can be lowered, unless it is over a limit. */
function lower(bytes: Uint8Array): void {
  try {
    lowerModule(bytes, { linkable: false, polled: false, readsTime: false, strictFloat: false });
  } catch (error) {
    if (!(error instanceof WasmProblem && error.kind === 'limit')) throw error;
  }
}
