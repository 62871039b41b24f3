import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Op } from '../../plugins/sandbox-awsm/src/compiler/opcodes';
import { WasmProblem } from '../../plugins/sandbox-awsm/src/compiler/problem';
import { BinaryenGenerator } from './binaryen';
import { type BuildChoice, QuickBuilder } from './build';
import { type Seed, seeds } from './corpus';
import { Coverage } from './coverage';
import { makeDeterministic } from './deterministic';
import { type Draft, draftOf, instruction, typeOf, zeroOf } from './draft';
import { observe, observeInV8, openStore, SledgeEngine } from './engines';
import { Mutator } from './mutate';
import { type Plan, planCalls } from './plan';
import { Random } from './random';
import { buildUnit, descriptorName, lowerPart, removeUnit } from './unit';
import { writeModule } from './write-module';

/** One module to compare, and what to ask of it. */
export interface Case {
  readonly seed: number;
  readonly index: number;
  /** The file it was mutated from, or binaryen's generator. */
  readonly origin: string;
  readonly draft: Draft;
  readonly wasm: Uint8Array<ArrayBuffer>;
  readonly plan: Plan;
  readonly choice: BuildChoice;
}

/** Where the engines differ first. */
export interface Difference {
  readonly line: number;
  readonly v8: string;
  readonly sledge: string;
}

export interface Found {
  readonly subject: Case;
  readonly difference: Difference;
}

export interface Totals {
  modules: number;
  generated: number;
  mutated: number;
  calls: number;
  /** Of these calls. */
  traps: number;
  /** A stack was full in one of the engines: not compared from there on. */
  stacks: number;
  /** Mutations that made an invalid module. */
  invalid: number;
}

const KEPT_FUNCTIONS = 6;
const MUTATIONS_MAX = 40;
const BLANK_MUTATIONS_MAX = 250;
/** Checked for being valid at once, and undone at once. */
const MUTATIONS_TOGETHER = 6;
const GENERATED_ONE_IN = 2;
const BINARYEN_BYTES = [200, 500, 1_000, 2_000];
/** So many have one level, and are compiled together. */
export const TOGETHER = 24;
const LEVELS = ['O0', 'O1', 'O0', 'O2', 'O1', 'O3'] as const;
const ATTEMPTS_MAX = 40;

export interface FuzzerOptions {
  readonly directory: string;
  readonly seed: number;
  readonly plant?: (text: string) => string;
  /** One module in so many is binaryen's; 0: none. */
  readonly generatedOneIn?: number;
}

/** Makes modules by number, runs them in V8 and in a slot, and compares. */
export class Fuzzer {
  readonly coverage = new Coverage();
  readonly totals: Totals = {
    ...{ modules: 0, generated: 0, mutated: 0, calls: 0, traps: 0, stacks: 0, invalid: 0 },
  };
  readonly builder: QuickBuilder;
  private readonly corpus: readonly Seed[] = seeds();
  private binaryen: BinaryenGenerator | undefined;

  constructor(private readonly options: FuzzerOptions) {
    this.builder = new QuickBuilder(join(options.directory, 'build'));
  }

  /** The module of this number: the same one whenever it is asked for. */
  async make(index: number): Promise<Case> {
    const { seed } = this.options;
    const random = new Random(seed, index);
    const unit = Math.floor(index / TOGETHER);
    const level = LEVELS[unit % LEVELS.length] ?? 'O1';
    const choice = { level, polled: unit % 4 !== 3, plant: this.options.plant };
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const { origin, draft } = await this.draft(random);
      this.mutate(draft, random, origin);
      makeDeterministic(draft);
      const plan = planCalls(draft, random);
      const wasm = writeModule(draft);
      if (WebAssembly.validate(wasm)) return { seed, index, origin, draft, wasm, plan, choice };
      this.totals.invalid++;
    }
    throw new Error(`no valid module of number ${index} in ${ATTEMPTS_MAX} attempts`);
  }

  private async draft(random: Random): Promise<{ origin: string; draft: Draft }> {
    const { generatedOneIn = GENERATED_ONE_IN } = this.options;
    if (generatedOneIn > 0 && random.oneIn(generatedOneIn)) {
      this.binaryen ??= new BinaryenGenerator();
      const wasm = await this.binaryen.generate(random.bytes(random.pick(BINARYEN_BYTES)));
      const draft = draftOf(wasm);
      if (draft !== undefined) return { origin: 'binaryen', draft };
    }
    const { name, wasm } = random.oneIn(2)
      ? (this.corpus[this.corpus.length - 1] as Seed)
      : random.pick(this.corpus);
    const draft = draftOf(wasm) as Draft;
    keepSome(draft, random);
    return { origin: name, draft };
  }

  private mutate(draft: Draft, random: Random, origin: string): void {
    if (origin === 'binaryen' && random.oneIn(2)) return;
    const mutator = new Mutator(draft, random, origin === 'blank');
    const bodies = draft.functions.flatMap(({ body }, i) => (body.length > 3 ? [i] : []));
    const subjects = bodies.length === 0 ? draft.functions.map((_, i) => i) : bodies;
    const most = origin === 'blank' ? BLANK_MUTATIONS_MAX : MUTATIONS_MAX;
    for (let left = 1 + random.below(most); left > 0; left -= MUTATIONS_TOGETHER) {
      const backup = structuredClone(draft);
      for (let i = Math.min(left, MUTATIONS_TOGETHER); i > 0; i--) {
        mutator.mutate(random.pick(subjects));
      }
      if (WebAssembly.validate(writeModule(draft))) continue;
      this.totals.invalid++;
      Object.assign(draft, backup);
    }
  }

  /** Undefined: both engines show the same. */
  async compare(subject: Case): Promise<Difference | undefined> {
    return this.judge(subject, await this.observeBoth(subject));
  }

  /** Builds modules of one level as one; those that the compiler refuses are left out. */
  async compareTogether(subjects: readonly Case[]): Promise<Found[]> {
    const all = subjects.flatMap((subject) => {
      const lowered = lowerOrNot(subject);
      return lowered === undefined ? [] : [{ subject, lowered }];
    });
    const [parts, large] = [all.filter(isSmall), all.filter((each) => !isSmall(each))];
    const found: Found[] = [];
    const note = (subject: Case, difference: Difference | undefined): void => {
      if (difference !== undefined) found.push({ subject, difference });
    };
    for (const { subject } of large) note(subject, await this.compare(subject));
    const first = parts[0]?.subject;
    if (first === undefined) return found;
    const folder = join(this.options.directory, `unit-${first.index}`);
    const changes = parts.map(({ subject }) => subject.choice.plant ?? ((text: string) => text));
    const built = parts.map(({ lowered }) => lowered);
    const path = await buildUnit(folder, built, first.choice, changes);
    const store = openStore();
    for (const [place, { subject }] of parts.entries()) {
      const { plan, v8 } = observeInV8(subject.wasm, subject.plan);
      const engine = new SledgeEngine(path, store, descriptorName(place));
      note(subject, this.judge(subject, { v8, sledge: observe(engine, plan) }));
    }
    store.close();
    removeUnit(folder);
    return found;
  }

  private judge(
    subject: Case,
    lines: { v8: readonly string[]; sledge: readonly string[] },
  ): Difference | undefined {
    const { totals } = this;
    totals.modules++;
    if (subject.origin === 'binaryen') totals.generated++;
    else totals.mutated++;
    totals.calls += subject.plan.calls.length;
    totals.traps += lines.v8.filter((line) => / = [a-z]/.test(line)).length;
    if (isStackFull(lines.v8) || isStackFull(lines.sledge)) totals.stacks++;
    for (const { body } of subject.draft.functions) this.coverage.add(body);
    return firstDifference(lines.v8, lines.sledge);
  }

  async observeBoth(subject: Case): Promise<{ v8: string[]; sledge: string[] }> {
    const path = await this.builder.build(subject.wasm, subject.choice);
    const { plan, v8 } = observeInV8(subject.wasm, subject.plan);
    const engine = new SledgeEngine(path);
    try {
      return { v8, sledge: observe(engine, plan) };
    } finally {
      engine.close();
      this.builder.remove(path);
    }
  }

  close(): void {
    this.binaryen?.close();
    this.builder.clear();
  }
}

interface Lowered {
  readonly subject: Case;
  readonly lowered: ReturnType<typeof lowerPart>;
}

const isSmall = ({ lowered }: Lowered): boolean => lowered.sources.length === 1;

/** Undefined: the compiler does not take it. */
function lowerOrNot({ wasm, choice }: Case): Lowered['lowered'] | undefined {
  try {
    return lowerPart(wasm, choice.polled);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return undefined;
  }
}

/** A module that the compiler will not take though it is valid for V8 has no difference to find. */
export function isRefusal(error: unknown): error is WasmProblem {
  return error instanceof WasmProblem && (error.kind === 'unsupported' || error.kind === 'limit');
}

function isStackFull(lines: readonly string[]): boolean {
  return lines[lines.length - 1]?.endsWith(' = stack') === true;
}

export function firstDifference(
  v8: readonly string[],
  sledge: readonly string[],
): Difference | undefined {
  const isShort = isStackFull(v8) || isStackFull(sledge);
  const count = isShort
    ? Math.min(v8.length, sledge.length) - 1
    : Math.max(v8.length, sledge.length);
  for (let line = 0; line < count; line++) {
    if (v8[line] === sledge[line]) continue;
    return { line, v8: v8[line] ?? 'nothing', sledge: sledge[line] ?? 'nothing' };
  }
  return undefined;
}

/** Of a large module some functions in a row; the others give zeros: it compiles quickly. */
function keepSome(draft: Draft, random: Random): void {
  const first = random.below(Math.max(1, draft.functions.length - KEPT_FUNCTIONS + 1));
  draft.functions.forEach((each, i) => {
    if (i >= first && i < first + KEPT_FUNCTIONS) return;
    each.locals = [];
    each.body = [...typeOf(draft, i).results.map(zeroOf), instruction(Op.End)];
  });
}

/** Writes what shows a difference into a folder of its own. @returns the folder */
export function keepCase(
  directory: string,
  subject: Case,
  difference: Difference,
  minimised?: Case,
): string {
  const { seed, index, origin, choice } = subject;
  const folder = join(
    directory,
    `${origin === 'small' ? 'small-' : ''}seed-${seed}-module-${index}`,
  );
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'module.wasm'), subject.wasm);
  if (minimised !== undefined) writeFileSync(join(folder, 'minimised.wasm'), minimised.wasm);
  const { level, polled } = choice;
  const small = origin === 'small' ? '--small ' : '';
  const at = `--seed ${seed} --first ${index} --modules 1`;
  const repeat = `npm run fuzz:differential -- ${small}${at}`;
  const report = { seed, index, origin, level, polled, ...difference, repeat };
  console.log(`module ${index} of seed ${seed} differs; it is in ${folder}, and again: ${repeat}`);
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  return folder;
}
