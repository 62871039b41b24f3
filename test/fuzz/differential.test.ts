import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ValueType } from '../../plugins/sandbox-awsm/src/compiler/model';
import { Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { OPCODES } from './coverage';
import { type Draft, instruction } from './draft';
import { type Case, type Found, Fuzzer, keepCase, TOGETHER } from './fuzzer';
import { minimise, sizeOf } from './minimise';
import { planCalls } from './plan';
import { Random } from './random';
import { writeModule } from './write-module';

const isLong = process.env['SLEDGE_TEST_LONG'] === '1';
const MODULES = Number(process.env['SLEDGE_FUZZ_MODULES'] ?? (isLong ? 3_000 : TOGETHER));
const SEED = Number(process.env['SLEDGE_FUZZ_SEED'] ?? 1);
const FIRST = Number(process.env['SLEDGE_FUZZ_FIRST'] ?? 0);
/** What was found is kept here. */
const FOUND = join(__dirname, '../../.cache/fuzz/differential');
const FOUND_MAX = 3;
const MINIMISING_BUILDS = isLong ? 300 : 12;
const PLANTED_MODULES_MAX = 200;
const HOURS_24_MS = 86_400_000;

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sledge-fuzz-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Two units at a time: a compiler runs in a process of its own. */
async function run(fuzzer: Fuzzer, first: number, count: number, most: number): Promise<Found[]> {
  const found: Found[] = [];
  let next = first;
  const lane = async (): Promise<void> => {
    while (next < first + count && found.length < most) {
      const from = next;
      const end = Math.min(first + count, from + TOGETHER - (from % TOGETHER));
      next = end;
      const subjects: Case[] = [];
      for (let index = from; index < end; index++) subjects.push(await fuzzer.make(index));
      found.push(...(await fuzzer.compareTogether(subjects)));
    }
  };
  await Promise.all([lane(), lane()]);
  return found;
}

function minimised(fuzzer: Fuzzer, { subject }: Found): Promise<Case> {
  const differs = async (candidate: Case): Promise<boolean> =>
    (await fuzzer.compare(candidate)) !== undefined;
  return minimise(subject, differs, MINIMISING_BUILDS);
}

test(
  `${MODULES} random modules do the same in a slot as in V8`,
  async () => {
    const fuzzer = new Fuzzer({ directory: join(directory, 'plain'), seed: SEED });
    const found = await run(fuzzer, FIRST, MODULES, FOUND_MAX);
    const { coverage } = fuzzer;
    const totals = { ...fuzzer.totals };
    console.log(
      `${totals.modules} modules from seed ${SEED} (${totals.generated} by binaryen's generator, ` +
        `${totals.mutated} mutated), ${totals.calls} calls, ${totals.traps} traps, ` +
        `${coverage.hit} of ${OPCODES.size} opcodes` +
        (coverage.missing.length > 20 ? '' : `; without: ${coverage.missing.join(' ') || 'none'}`),
    );
    const kept: string[] = [];
    for (const each of found) {
      const smaller = await minimised(fuzzer, each);
      kept.push(keepCase(FOUND, each.subject, each.difference, smaller));
    }
    fuzzer.close();
    expect(kept).toEqual([]);
    expect(totals.modules).toBeGreaterThan(MODULES * 0.9);
  },
  HOURS_24_MS,
);

/** One that most modules show, and one that few do; small.test.ts plants more, in every run. */
const PLANTS = [['i32_rotl(', 'i32_rotr('] as const, ['f64_max(', 'f64_min('] as const];

(isLong ? test : test.skip).each(PLANTS)(
  '%s compiled to %s is found, and the module made small',
  async (right, wrong) => {
    const plant = (text: string): string => text.replaceAll(right, wrong);
    const place = join(directory, 'planted');
    const fuzzer = new Fuzzer({ directory: place, seed: 6, plant, generatedOneIn: 0 });
    const [found] = await run(fuzzer, 0, PLANTED_MODULES_MAX, 1);
    expect(found).toBeDefined();
    if (found === undefined) return;
    const modules = fuzzer.totals.modules;
    const small = await minimised(fuzzer, found);
    fuzzer.close();
    const [before, after] = [sizeOf(found.subject.draft), sizeOf(small.draft)];
    console.log(`found in module ${modules}: ${before} instructions, minimised to ${after}`);
    expect(after).toBeLessThan(before);
  },
  600_000,
);

test('globals that fill the state to its last byte can be exported', async () => {
  const fuzzer = new Fuzzer({ directory: join(directory, 'globals'), seed: 1 });
  const type = { type: ValueType.I32, mutable: true };
  const init = [instruction(Op.I32Const, 7)];
  const draft: Draft = {
    types: [{ params: [], results: [] }],
    functions: [{ type: 0, locals: [], body: [instruction(Op.End)] }],
    ...{ tables: [], memory: undefined, exports: [], start: undefined, elements: [], data: [] },
    globals: Array.from({ length: 16 }, () => ({ type, init })),
  };
  draft.functions.push({ ...(draft.functions[0] as Draft['functions'][0]) });
  draft.exports.push({ name: 'refuel', kind: 0, index: 1 });
  const plan = planCalls(draft, new Random(1));
  const wasm = writeModule(draft);
  const choice = { level: 'O1', polled: true } as const;
  const subject = { seed: 1, index: 0, origin: 'globals', draft, wasm, plan, choice };
  const { v8, sledge } = await fuzzer.observeBoth(subject);
  fuzzer.close();
  expect(plan.globals).toHaveLength(16);
  expect(sledge).toEqual(v8);
});

test('a seed and a number name a module, whatever was made before', async () => {
  const makers = ['first', 'second'].map(
    (name) => new Fuzzer({ directory: join(directory, name), seed: 3, generatedOneIn: 0 }),
  );
  const [first, second] = makers as [Fuzzer, Fuzzer];
  for (let index = 0; index < 3; index++) await first.make(index);
  const [a, b] = [await first.make(3), await second.make(3)];
  for (const each of makers) each.close();
  expect(Buffer.from(a.wasm).equals(Buffer.from(b.wasm))).toBe(true);
  expect(a.plan).toEqual(b.plan);
});
