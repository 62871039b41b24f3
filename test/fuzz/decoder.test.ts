import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkModule } from '../../plugins/sandbox-awsm/src/compiler/analyse';
import { decodeModule } from '../../plugins/sandbox-awsm/src/compiler/decode';
import { WasmProblem } from '../../plugins/sandbox-awsm/src/compiler/problem';
import { seeds } from './corpus';
import { Coverage, OPCODES } from './coverage';
import { type Draft, draftOf, instruction } from './draft';
import { Mutator } from './mutate';
import { nearMiss } from './near-misses';
import { Random } from './random';
import { writeModule } from './write-module';

const isLong = process.env['SLEDGE_TEST_LONG'] === '1';
const INPUTS = Number(process.env['SLEDGE_FUZZ_INPUTS'] ?? (isLong ? 1_000_000 : 3_000));
/** One in so many is asked of a second validator too, wabt's, each in a process of its own. */
const WABT_ONE_IN = isLong ? { accepted: 200, refused: 500 } : { accepted: 25, refused: 80 };
/** Of its reasons to refuse, those that inputs are known to reach. */
const REASONS_LEAST = isLong ? 48 : 40;
const SEED = Number(process.env['SLEDGE_FUZZ_SEED'] ?? 1);
const FOUND = join(__dirname, '../../.cache/fuzz/decoder');
const FOUND_MAX = 5;
/** Only a hang takes as long, on any machine. */
const HANG_MS = 30_000;
const CHANGES_MAX = 6;
const RICH_DRAFTS = 16;
const RICH_MUTATIONS = 12;
const ALL_OPCODES = [...OPCODES];
/** Where a byte means most: lengths, types, flags, opcodes. */
const BYTES = [0, 1, 2, 0x0b, 0x10, 0x40, 0x60, 0x6f, 0x70, 0x7b, 0x7f, 0x80, 0xfc, 0xfd, 0xff];

/** Changes bytes: some become others, some go, some are repeated or come from another module. */
function change(bytes: number[], other: Uint8Array, random: Random): void {
  const at = random.below(bytes.length);
  switch (random.below(6)) {
    case 0:
      bytes[at] = random.pick(BYTES);
      break;
    case 1:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      break;
    case 2:
      bytes.splice(at, 1 + random.below(8));
      break;
    case 3:
      bytes.splice(at, 0, ...bytes.slice(at, at + 1 + random.below(16)));
      break;
    case 4: {
      const from = random.below(other.length);
      bytes.splice(at, random.below(8), ...other.subarray(from, from + 1 + random.below(16)));
      break;
    }
    default:
      bytes[at] = ((bytes[at] ?? 0) + random.pick([1, 255])) & 0xff;
  }
}

/** Valid modules full of every kind of code. */
function richDrafts(): Draft[] {
  const blank = seeds().pop()?.wasm ?? new Uint8Array();
  return Array.from({ length: RICH_DRAFTS }, (_, i) => {
    const draft = draftOf(blank) as Draft;
    const random = new Random(SEED, -1 - i);
    const mutator = new Mutator(draft, random);
    for (let n = 0; n < RICH_MUTATIONS; n++) {
      const before = structuredClone(draft);
      mutator.mutate(random.below(draft.functions.length));
      if (!WebAssembly.validate(writeModule(draft))) Object.assign(draft, before);
    }
    return draft;
  });
}

/** Changes instructions of one body: any opcode may come, with any operand. */
function withOtherCode(draft: Draft, random: Random): Uint8Array<ArrayBuffer> {
  const index = random.below(draft.functions.length);
  const code = draft.functions[index];
  if (code === undefined) return new Uint8Array();
  const body = [...code.body];
  for (let i = random.below(3); i >= 0; i--) {
    const at = random.below(body.length);
    const list = Array.from({ length: 16 }, () => random.below(34));
    const number = (): number => (random.oneIn(4) ? random.bits() : random.below(12));
    const any = instruction(random.pick(ALL_OPCODES), number(), number(), list);
    const same = body[at] ?? any;
    const instead = [[any], [], [same, same], [{ ...same, a: random.below(40) }], [any, same]];
    body.splice(at, 1, ...random.pick(instead));
  }
  const functions = [...draft.functions];
  functions[index] = { ...code, body };
  return writeModule({ ...draft, functions });
}

function withOtherBytes(corpus: readonly Uint8Array[], random: Random): Uint8Array<ArrayBuffer> {
  const bytes = [...random.pick(corpus)];
  const changes = 1 + random.below(CHANGES_MAX);
  for (let i = 0; i < changes; i++) change(bytes, random.pick(corpus), random);
  return Uint8Array.from(bytes);
}

/** Undefined: accepted. Anything else than a WasmProblem is a crash. */
function problemOf(bytes: Uint8Array): WasmProblem | undefined {
  try {
    checkModule(decodeModule(bytes));
    return undefined;
  } catch (error) {
    if (error instanceof WasmProblem) return error;
    throw error;
  }
}

function keep(bytes: Uint8Array, input: number, why: string): string {
  mkdirSync(FOUND, { recursive: true });
  writeFileSync(join(FOUND, `seed-${SEED}-input-${input}.wasm`), bytes);
  return `input ${input}: ${why}`;
}

/** What it says of a reason but for places, numbers and names. */
const familyOf = ({ kind, reason }: WasmProblem): string =>
  `${kind}: ${reason.replace(/0x[\da-f]+|\d+|"[^"]*"/g, '#')}`;

/** Whether wabt takes it, with its features as they are by default, which are ours. */
function isValidForWabt(folder: string, bytes: Uint8Array): boolean {
  const file = join(folder, 'input.wasm');
  writeFileSync(file, bytes);
  const { status } = spawnSync('wasm-validate', ['--ignore-custom-section-errors', file]);
  if (status === null) throw new Error('wasm-validate cannot be run: apt install wabt');
  return status === 0;
}

/** Adds the code of an accepted module; undefined: it is too large for a draft. */
function addCode(coverage: Coverage, wasm: Uint8Array): void {
  for (const { body } of draftOf(wasm)?.functions ?? []) coverage.add(body);
}

test(`${INPUTS} damaged modules are refused or valid, without a crash or a hang`, () => {
  const corpus = seeds().map(({ wasm }) => wasm);
  const drafts = richDrafts();
  const makers = [
    (random: Random) => withOtherBytes(corpus, random),
    (random: Random) => withOtherCode(random.pick(drafts), random),
    (random: Random) => nearMiss(random.pick(drafts), random),
  ];
  const found: string[] = [];
  const counts = { accepted: 0, refused: 0, stricter: 0, wabtTook: 0, wabtRefused: 0 };
  const reasons = new Set<string>();
  const coverage = new Coverage();
  const folder = mkdtempSync(join(tmpdir(), 'sledge-decoder-'));
  for (let input = 0; input < INPUTS && found.length < FOUND_MAX; input++) {
    const random = new Random(SEED, input);
    const wasm = makers[input % makers.length]?.(random) ?? new Uint8Array();
    const started = performance.now();
    let problem: WasmProblem | undefined;
    try {
      problem = problemOf(wasm);
    } catch (error) {
      found.push(keep(wasm, input, `crash: ${String(error)}`));
      continue;
    }
    if (performance.now() - started > HANG_MS) found.push(keep(wasm, input, 'hang'));
    const isValid = WebAssembly.validate(wasm);
    if (problem === undefined) {
      counts.accepted++;
      addCode(coverage, wasm);
    } else {
      counts.refused++;
      reasons.add(familyOf(problem));
    }
    const isWrong = problem?.kind === 'malformed' || problem?.kind === 'invalid';
    if (problem === undefined && !isValid) found.push(keep(wasm, input, 'accepted, but invalid'));
    if (isWrong && isValid)
      found.push(keep(wasm, input, `refused, but valid: ${problem?.message}`));
    if (problem !== undefined && isValid) counts.stricter++;
    const oneIn = problem === undefined ? WABT_ONE_IN.accepted : WABT_ONE_IN.refused;
    if (!random.oneIn(oneIn) || (problem !== undefined && !isWrong)) continue;
    const isTaken = isValidForWabt(folder, wasm);
    if (isTaken) counts.wabtTook++;
    else counts.wabtRefused++;
    if (isTaken === isWrong) {
      found.push(keep(wasm, input, `wabt says otherwise than ${problem?.message ?? 'accepted'}`));
    }
  }
  console.log(
    `${INPUTS} inputs from seed ${SEED}: ${counts.accepted} accepted, ${counts.refused} refused, ` +
      `of those ${counts.stricter} that V8 takes with features or sizes beyond ours; ` +
      `${coverage.hit} of ${OPCODES.size} opcodes in what was accepted, ${reasons.size} reasons ` +
      `to refuse; wabt took ${counts.wabtTook} and refused ${counts.wabtRefused}`,
  );
  rmSync(folder, { recursive: true });
  expect(found).toEqual([]);
  if (INPUTS >= 3_000) expect(reasons.size).toBeGreaterThanOrEqual(REASONS_LEAST);
}, 86_400_000);
