import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ValueType } from '../../plugins/sandbox-awsm/src/compiler/model';
import { Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { detectAnalyses } from './analysis-detection';
import { ANALYSIS_PLANTS } from './analysis-plants';
import { OPCODES } from './coverage';
import { type Draft, instruction } from './draft';
import { type Case, keepCase } from './fuzzer';
import { minimise, sizeOf } from './minimise';
import { PLANTED_C } from './plants';
import { detect } from './detection';
import { compareUnit, prepare, type Ready, SmallRun, unitOf } from './small-run';
import { writeModule } from './write-module';

const isLong = process.env['SLEDGE_TEST_LONG'] === '1';
const MODULES = Number(process.env['SLEDGE_FUZZ_SMALL'] ?? (isLong ? 40_000 : 2_000));
const SEED = Number(process.env['SLEDGE_FUZZ_SEED'] ?? 1);
const FIRST = Number(process.env['SLEDGE_FUZZ_FIRST'] ?? 0);
const FOUND = join(__dirname, '../../.cache/fuzz/differential');
const FOUND_MAX = 3;
/** Mistakes are planted in these. */
const KEPT_MAX = isLong ? 6_000 : 2_000;
/** Modules that a mistake in an analysis makes other code of. */
const ANALYSIS_TRIED = isLong ? 200 : 6;
const MINIMISING_BUILDS = 60;
const PLANTED_BUILDS = isLong ? 60 : 6;
const HOURS_24_MS = 86_400_000;

let directory = '';
const kept: Ready[] = [];
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sledge-small-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function differs(candidate: Case): Promise<boolean> {
  const { plant = (text: string) => text } = candidate.choice;
  const unit = { ...unitOf(candidate.index).unit, head: PLANTED_C };
  const folder = join(directory, 'minimising');
  const [difference] = await compareUnit(folder, [prepare(candidate)], unit, [plant]);
  return difference !== undefined;
}

test(
  `${MODULES} small modules do the same in a slot as in V8`,
  async () => {
    const run = new SmallRun(directory, SEED, (ready) => {
      if (kept.length < KEPT_MAX) kept.push(ready);
    });
    await run.run(FIRST, MODULES, FOUND_MAX);
    const { coverage, totals, found } = run;
    const levels = [...totals.levels].map(([level, count]) => `${count} at ${level}`).join(', ');
    const optimised = 1 - (totals.levels.get('O0') ?? 0) / totals.modules;
    const { least } = coverage;
    console.log(
      `${totals.modules} small modules from seed ${SEED} (${levels}: ` +
        `${Math.round(100 * optimised)} % above O0), ${totals.calls} calls, ` +
        `${totals.traps} traps, ${coverage.hit} of ${OPCODES.size} opcodes, ` +
        `the rarest (${least.op}) ${least.count} times`,
    );
    const folders: string[] = [];
    for (const { subject, difference } of found) {
      const smaller = await minimise(subject, differs, MINIMISING_BUILDS);
      folders.push(keepCase(FOUND, subject, difference, smaller));
    }
    expect(folders).toEqual([]);
    expect(totals.modules).toBe(MODULES);
    if (FIRST === 0 && MODULES >= 2_000) expect(least.count).toBeGreaterThanOrEqual(12);
  },
  HOURS_24_MS,
);

test('each of the mistakes planted in right modules is shown by one of them', async () => {
  const right = kept.filter(({ subject }) => subject.choice.polled);
  const detections = await detect(directory, right);
  const lines = detections.map(({ plant, tried, shownBy }) => {
    const how = shownBy === undefined ? 'not shown' : `shown by ${shownBy.subject.index}`;
    return `${plant.name}: ${how}, ${tried} modules tried`;
  });
  const missed = detections.filter(({ shownBy }) => shownBy === undefined);
  const first = detections.filter(({ shownBy, tried }) => shownBy !== undefined && tried <= 2);
  console.log(
    `${detections.length - missed.length} of ${detections.length} planted mistakes were shown, ` +
      `${first.length} of them by one of the first two modules with such code` +
      (isLong ? `\n${lines.join('\n')}` : ''),
  );
  expect(missed.map(({ plant }) => plant.name)).toEqual([]);

  const { plant, shownBy } = detections.find((each) => each.shownBy) as (typeof detections)[0];
  const subject = (shownBy as Ready).subject;
  const choice = { ...subject.choice, plant: plant.change };
  const small = await minimise({ ...subject, choice }, differs, PLANTED_BUILDS);
  expect(sizeOf(small.draft)).toBeLessThan(sizeOf(subject.draft));
}, 600_000);

const { I32 } = ValueType;
test(
  'mistakes planted in the analyses of the compiler are shown as well',
  async () => {
    const rank = ({ subject }: Ready): number => subject.index + (hasWalk(subject) ? 0 : MODULES);
    const inOrder = [...kept].sort((a, b) => rank(a) - rank(b));
    const plants = ANALYSIS_PLANTS.filter(({ isQuick = false }) => isLong || isQuick);
    const detections = await detectAnalyses(directory, plants, inOrder, ANALYSIS_TRIED);
    const shown = detections.filter(({ shownBy }) => shownBy !== undefined);
    const lines = detections.map(({ plant, tried, shownBy }) => {
      return `${plant.name}: shown by ${shownBy?.subject.index}, ${tried} modules tried`;
    });
    console.log(
      `${shown.length} of ${plants.length} mistakes in analyses were shown, of ` +
        `${ANALYSIS_PLANTS.length} that the long run plants\n${lines.join('\n')}`,
    );
    expect(detections.filter(({ shownBy }) => shownBy === undefined)).toEqual([]);
  },
  HOURS_24_MS,
);

/** Most analyses are of loops. */
function hasWalk({ draft }: Case): boolean {
  return draft.exports.some(({ name }) => name === 'walk');
}

/** What memory.copy takes; memory holds different bytes. */
function copying(): Draft {
  const operands = [0, 1, 2].map((local) => instruction(Op.LocalGet, local));
  const body = [...operands, instruction(Op.MemoryCopy), instruction(Op.End)];
  return {
    types: [{ params: [I32, I32, I32], results: [] }],
    functions: [{ type: 0, locals: [], body }],
    ...{ tables: [], globals: [], start: undefined, elements: [] },
    memory: { min: 1, max: 1 },
    exports: [
      { name: 'copy', kind: 0, index: 0 },
      { name: 'memory', kind: 2, index: 0 },
    ],
    data: [
      { at: [instruction(Op.I32Const, 0)], bytes: Uint8Array.from({ length: 250 }, (_, i) => i) },
    ],
  };
}

test.each(['O0', 'O3'] as const)(
  'memory.copy to a place a few bytes on or back is right at %s',
  async (level) => {
    const draft = copying();
    const type = { params: [I32, I32, I32], results: [] };
    const ready = Array.from({ length: 20 }, (_, distance) => {
      const args = [100n + BigInt(distance) - 10n, 100n, 61n];
      const plan = { calls: [{ name: 'copy', ...type, args }], globals: [] };
      const rest = { seed: 0, index: distance, origin: 'copy', choice: { level, polled: true } };
      const whole = { ...plan, hasMemory: true, hasFuel: false };
      return prepare({ ...rest, draft, wasm: writeModule(draft), plan: whole });
    });
    const differences = await compareUnit(join(directory, level), ready, { level, polled: true });
    expect(differences.filter((each) => each !== undefined)).toEqual([]);
  },
);
