import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkModule } from '../../plugins/sandbox-awsm/src/compiler/analyse';
import { decodeModule } from '../../plugins/sandbox-awsm/src/compiler/decode';
import { WasmProblem } from '../../plugins/sandbox-awsm/src/compiler/problem';
import { seeds } from './corpus';
import { OPCODES } from './coverage';
import { type Draft, draftOf, instruction } from './draft';
import { Mutator } from './mutate';
import { Random } from './random';
import { writeModule } from './write-module';

const isLong = process.env['SLEDGE_TEST_LONG'] === '1';
const INPUTS = Number(process.env['SLEDGE_FUZZ_INPUTS'] ?? (isLong ? 1_000_000 : 3_000));
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

test(`${INPUTS} damaged modules are refused or valid, without a crash or a hang`, () => {
  const corpus = seeds().map(({ wasm }) => wasm);
  const drafts = richDrafts();
  const found: string[] = [];
  const counts = { accepted: 0, refused: 0, stricter: 0 };
  for (let input = 0; input < INPUTS && found.length < FOUND_MAX; input++) {
    const random = new Random(SEED, input);
    const wasm = random.oneIn(2)
      ? withOtherBytes(corpus, random)
      : withOtherCode(random.pick(drafts), random);
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
    if (problem === undefined) counts.accepted++;
    else counts.refused++;
    if (problem === undefined && !isValid) found.push(keep(wasm, input, 'accepted, but invalid'));
    if (problem === undefined || !isValid) continue;
    counts.stricter++;
    if (problem.kind === 'malformed' || problem.kind === 'invalid') {
      found.push(keep(wasm, input, `refused, but valid: ${problem.message}`));
    }
  }
  console.log(
    `${INPUTS} inputs from seed ${SEED}: ${counts.accepted} accepted, ${counts.refused} refused, ` +
      `of those ${counts.stricter} that V8 takes with features or sizes beyond ours`,
  );
  expect(found).toEqual([]);
}, 86_400_000);
